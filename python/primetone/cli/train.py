"""`primetone train`: a recipe and data -> a run directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from primetone.cli.console import (
    Progress,
    Texts,
    UsageError,
    duration_words,
    print_json,
    print_note,
    process_number,
)


def train(
    recipe: str,
    /,
    *overrides: str,
    data: Annotated[list[Texts] | None, Parameter(negative=())] = None,
    validation: Annotated[list[Texts] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    tokenizer: Path | None = None,
    resume: Literal["never", "auto"] = "never",
    json: bool = False,
) -> None:
    """Train a model as a recipe says, and keep everything in a run directory.

    Ctrl-C and SIGTERM finish the step and save; --resume auto goes on from there. On several
    processes or GPUs: torchrun --nproc-per-node 2 -m primetone train, and the same words after it.
    `primetone inspect recipe` lists recipes and explains their keys.

    For example:

        primetone train decoder --data book.txt --out runs/book train.steps=500
        primetone train decoder --out runs/book --resume auto train.steps=900

    Parameters
    ----------
    recipe
        A recipe that comes with primetone, or the path of a .toml or recipe.json file.
    overrides
        Values on top of the recipe: key=value, such as train.steps=500.
    data
        A text (file, folder, glob, or - for standard input; repeat for several) or a token store;
        gan-toy makes its own.
    validation
        A text to validate on, in place of a share of the data; repeat for several.
    out
        The run directory to make; runs/RECIPE when not given.
    tokenizer
        A tokenizer.json, or a words.csv, to use in place of learning one. A token store brings
        its own.
    resume
        auto goes on with the run in --out if there is one; never refuses to touch it.
    json
        Print the result as JSON.
    """
    for word in overrides:
        if "=" not in word:
            hint = " (repeat --data for every text)" if os.path.exists(word) else ""
            raise UsageError(
                f"expected key=value after the recipe, found {word!r}{hint}; "
                "such as train.steps=500"
            )
    folder = out if out is not None else Path("runs") / Path(recipe).stem
    with Progress() as progress:
        progress.show("starting")
        from primetone.recipe import load_recipe
        from primetone.run import train as train_run
        from primetone.text.tokenizer import Tokenizer

        chosen = load_recipe(recipe, overrides)
        may_lack_data = chosen.data.builtin != "none" or (resume == "auto" and folder.exists())
        if not data and not may_lack_data:
            raise UsageError("expected --data: a text or a token store to train on")
        run = train_run(
            chosen,
            list(data or ()),
            folder,
            validation=validation,
            tokenizer=None if tokenizer is None else Tokenizer.load(tokenizer),
            resume=resume,
            progress=progress.stage,
            report=TrainingLine(progress, chosen.train.steps, chosen.train.max_seconds).show,
        )
    if process_number() != 0:
        return
    facts = run.facts()
    if json:
        print_json(facts)
        return
    print(
        f"{run.path}: step {facts['latest_step']:,}, {facts['num_parameters']:,} parameters, "
        f"{facts.get('last_tokens', 0):,} tokens in "
        f"{duration_words(facts.get('last_elapsed_seconds', 0.0))}"
    )
    if "validation_bits_per_byte" in facts:
        print(
            f"validation: {facts['validation_nats_per_token']:.4f} nats per token, "
            f"{facts['validation_bits_per_byte']:.4f} bits per byte"
        )
    print(f"next: primetone evaluate {run.path} · primetone generate {run.path}")


class TrainingLine:
    """What a terminal shows while training: how far, the losses, the speed, the time left."""

    def __init__(self, progress: Progress, steps: int, max_seconds: float | None) -> None:
        self.progress = progress
        self.steps = steps
        self.max_seconds = max_seconds
        self.validation = ""

    def show(self, line: Mapping[str, Any]) -> None:
        """Take in one logged line."""
        if line["event"] == "start":
            self.steps = line["steps"]
        if line["event"] == "note":
            self.progress.clear()
            print_note(line["text"])
        if line["event"] == "evaluate" and "bits_per_byte" in line:
            self.validation = f" · validation {line['bits_per_byte']:.3f} bits/byte"
        if line["event"] != "train":
            return
        elapsed = line["elapsed_seconds"]
        if self.max_seconds is None:
            share = line["step"] / max(self.steps, 1)
        else:
            share = max(elapsed / self.max_seconds, line["step"] / max(self.steps, 1))
        left = elapsed * (1 - share) / share if share > 0 else 0.0
        loss = f" · loss {line['loss']:.3f}" if "loss" in line else ""
        self.progress.show(
            f"training {100 * min(share, 1):3.0f} % · step {line['step']:,}{loss}{self.validation}"
            f" · {line['tokens_per_second']:,.0f} tokens/s · {duration_words(max(left, 0))} left"
        )
