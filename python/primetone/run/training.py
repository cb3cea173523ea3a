"""The composition root: a recipe and data become a trained run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from primetone.contracts import TokenStream
from primetone.errors import ConfigError, RunError
from primetone.files import held_alone, write_atomically
from primetone.recipe import Recipe, changed_keys, load_recipe, may_change
from primetone.run.changes import note_changes
from primetone.run.data import Sources, StageProgress, require_same_data
from primetone.run.directory import ENVIRONMENT, RECIPE, Run, is_run, require_free
from primetone.run.environment import changed_environment
from primetone.run.sentences import builtin_corpus, end_of_text
from primetone.text.corpus import Corpus
from primetone.text.tokenizer import Tokenizer
from primetone.training.documents import DocumentLoader
from primetone.training.loader import Batches, Loader
from primetone.training.metrics import MetricsLog
from primetone.training.ranks import Ranks, joined_ranks
from primetone.training.trainer import Report, Trainer

Resume = Literal["never", "auto"]
PathLike = str | os.PathLike[str]
SAMPLES = "samples"
FIGURES_TOKENS = 4096
"""Validation tokens on which the inner figures of a model are taken."""
_BLOCK_TOKENS = 1 << 22


def train(
    recipe: Recipe | str | os.PathLike[str],
    data: PathLike | Sequence[PathLike] | Corpus | None,
    out: PathLike,
    *,
    overrides: Sequence[str] = (),
    validation: PathLike | Sequence[PathLike] | Corpus | None = None,
    tokenizer: Tokenizer | None = None,
    resume: Resume = "never",
    progress: StageProgress | None = None,
    report: Report | None = None,
) -> Run:
    """Train as `recipe` says on `data` and keep everything in the directory `out`.

    `data` are paths of texts, the path of one token store, or a Corpus; None is for recipes that
    bring a text of their own (`data.builtin`). A share of it is kept for validation, unless
    `validation` is a text of its own.
    `resume="auto"` goes on with a run that is there, from its latest checkpoint, to the same bits
    as a run that was never stopped; `data` may then be None. `progress` follows the preparation,
    `report` receives every line that is logged. Ctrl-C and SIGTERM save before they end.

    Under `torchrun` every process calls it alike, the first one writes and reports, and a run goes
    on with any number of processes that divides the batch.

    >>> run = primetone.train("char", "shakespeare.txt", "runs/bard", overrides=["train.steps=500"])
    >>> print("".join(run.generate("ROMEO:")))
    """
    folder = Path(out)
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(Path(recipe), overrides)
    if isinstance(recipe, Recipe) and overrides:
        raise ConfigError("overrides go with a recipe's name; a Recipe is changed by `replace`")
    sources, apart = _sources(data), _sources(validation)

    def prepare() -> Run:
        if resume == "auto" and is_run(folder):
            held.enter_context(_alone(folder))
            return _reopen(folder, chosen, sources, apart, tokenizer)
        require_free(folder)
        texts = builtin_corpus(chosen.data) if sources is None else sources
        if texts is None:
            raise ConfigError("expected data to train on, found none: name texts or a token store")
        run = Run.create(
            folder, chosen, texts, validation=apart, tokenizer=tokenizer, progress=progress
        )
        held.enter_context(_alone(folder))
        return run

    with joined_ranks() as ranks, contextlib.ExitStack() as held:
        _require_equal_shares(chosen, ranks)
        run = ranks.first(prepare) or Run.open(folder)
        _ = run.runtime  # settles the threads, which are among what is compared
        if report is not None and (moved := changed_environment(folder / ENVIRONMENT)):
            report({"event": "note", "text": f"equal bits are not promised here: {moved}"})
        _fit(run, report)
        ranks.largest([0.0])  # the first one has written everything
    return run


def _require_equal_shares(recipe: Recipe, ranks: Ranks) -> None:
    """Ranks have as many rows of a batch each, so that it is the batch of one process."""
    size = recipe.train.batch_size
    if size % ranks.world:
        fitting = [str(n) for n in range(1, size + 1) if size % n == 0]
        raise ConfigError(
            f"train.batch_size: expected windows that divide evenly among {ranks.world} processes, "
            f"found {size}: start {', '.join(fitting)} of them, or set train.batch_size to "
            f"{-(-size // ranks.world) * ranks.world}"
        )


def _reopen(
    folder: Path,
    recipe: Recipe,
    sources: Sources | None,
    validation: Sources | None,
    tokenizer: Tokenizer | None,
) -> Run:
    """The run in `folder`, if recipe, data and tokenizer are still those it began with."""
    run = Run.open(folder)
    changed = changed_keys(run.recipe, recipe)
    fixed = [
        f"{key} (was {old!r}, now {new!r})"
        for key, (old, new) in changed.items()
        if not may_change(key)
    ]
    if fixed:
        raise RunError(
            f"cannot resume {folder} with another recipe: {'; '.join(fixed)}. Set these keys back "
            f"(the recipe {folder / RECIPE} has them), or start a new run by another --out"
        )
    if tokenizer is not None and tokenizer.fingerprint != run.tokenizer.fingerprint:
        raise RunError(
            f"cannot resume {folder} with another tokenizer: expected the fingerprint "
            f"{run.tokenizer.fingerprint}, found {tokenizer.fingerprint}; leave --tokenizer out"
        )
    require_same_data(run.data_record, run.recipe, sources, validation)
    note_changes(folder, old=run.recipe, new=recipe, from_step=run.checkpoints.latest() or 0)
    return Run.open(folder)


def _sources(data: PathLike | Sequence[PathLike] | Corpus | None) -> Sources | None:
    if data is None or isinstance(data, Corpus):
        return data
    return [data] if isinstance(data, str | os.PathLike) else list(data) or None


def _fit(run: Run, report: Report | None) -> None:
    """Build everything that training needs, and train to the end."""
    recipe, runtime, family = run.recipe, run.runtime, run.family
    streams = run.data()
    if report is not None:
        _note_unknown(run.tokenizer, streams.train, report)
    metrics = MetricsLog(run.metrics_path)
    if run.checkpoints.latest() is None and runtime.ranks.is_first:
        metrics.keep_until(-1)  # of an attempt that never reached a checkpoint
    model = run.build_model()
    trainer = Trainer(
        model=model,
        phases=family.phases(model, recipe.model),
        loader=_batches(run, streams.train, report),
        runtime=runtime,
        train=recipe.train,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        metrics=metrics,
        checkpoints=run.checkpoints,
        evaluate=_evaluation(run, model, streams.validation),
        sample=_sampling(run, model),
        report=report,
    )
    trainer.fit(resume=True)


def _note_unknown(tokenizer: Tokenizer, stream: TokenStream, report: Report) -> None:
    """A closed vocabulary loses what it does not hold: say how much."""
    unknown_id = tokenizer.unknown_id
    if unknown_id is None:
        return
    blocks = range(0, len(stream.ids), _BLOCK_TOKENS)
    found = sum(
        int(np.count_nonzero(stream.ids[start : start + _BLOCK_TOKENS] == unknown_id))
        for start in blocks
    )
    if found:
        share = 100 * found / len(stream.ids)
        text = (
            f"{found:,} of {len(stream.ids):,} training tokens ({share:.2f} %) are outside the "
            "vocabulary and stand as one unknown token"
        )
        report({"event": "note", "text": text})


def _batches(run: Run, stream: TokenStream, report: Report | None) -> Batches:
    """The training text as the family wants it cut."""
    recipe, window = run.recipe, run.family.window(run.recipe.model)
    how: Any = {
        "window": window,
        "batch_size": recipe.train.batch_size,
        "seed": recipe.train.seed,
        "place": run.runtime.place,
        "rank": run.runtime.ranks.rank,
        "world": run.runtime.ranks.world,
    }
    if window.cut == "stream":
        return Loader(stream, **how)
    documents = DocumentLoader(stream, end_id=end_of_text(run.tokenizer), **how)
    if documents.num_left_out and report is not None:
        text = (
            f"{documents.num_left_out:,} documents of more than {window.length:,} tokens are left "
            f"out, {len(documents):,} stay"
        )
        report({"event": "note", "text": text})
    return documents


def _evaluation(
    run: Run, model: torch.nn.Module, stream: TokenStream
) -> Callable[[], Mapping[str, float]] | None:
    """What the trainer calls to evaluate: a fixed stretch of the validation text."""
    cap, window, ids = run.recipe.train.eval_tokens, run.family.window(run.recipe.model), stream.ids
    if window.cut == "documents":
        place = run.runtime.place
        documents = DocumentLoader(
            stream,
            window=window,
            end_id=end_of_text(run.tokenizer),
            batch_size=1,
            seed=0,
            place=place,
        )
        num_seen = min(len(documents), max(1, cap // window.length) if cap else len(documents))
        rows = place(documents.rows(np.arange(num_seen)))
        return lambda: run.family.figures(model, rows)
    if "score" not in run.family.can:
        return None
    stretch = np.asarray(ids[: cap + 1] if cap else ids)
    seen = np.asarray(stretch[:FIGURES_TOKENS], dtype=np.int64)[None]

    def evaluate() -> Mapping[str, float]:
        figures = run.family.figures(model, run.runtime.place(seen))
        return {**run.judge.quick(model, stretch), **figures}

    return evaluate


def _sampling(run: Run, model: torch.nn.Module) -> Callable[[int], str] | None:
    """What the trainer calls for a sample, which is also kept as samples/step_N.txt."""
    if "generate" not in run.family.can or run.tokenizer.eos_id is None:
        return None  # without an end-of-text token nothing opens a text that has no prompt

    def sample(step: int) -> str:
        text = "".join(run.write(model, "", run.recipe.generate))
        folder = run.path / SAMPLES
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"step_{step}.txt", text.encode("utf-8", "replace"))
        return text

    return sample


def _alone(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Two trainings of one run at a time would spoil each other's checkpoints."""
    return held_alone(folder, "is being trained by another process")
