"""`primetone evaluate`: a run in bits per byte, or by its sentences, beside plain baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from primetone.cli.console import Progress, UsageError, print_json

if TYPE_CHECKING:
    from primetone.evaluation.report import Evaluation
    from primetone.evaluation.sample_report import SampleReport


def evaluate(
    run: Path,
    /,
    *,
    text: Path | None = None,
    samples: int | None = None,
    temperature: list[float] | None = None,
    step: int | None = None,
    json: bool = False,
) -> None:
    """Score a run on its validation text, or on a text of yours, beside plain baselines.

    Bits per byte compare models with different tokenizers; fewer are better. The n-gram models and
    the compressors see the same training text and are scored on the same validation text. A gan has
    no likelihood to score: its sentences stand beside real ones and those of n-gram samplers.

    For example:

        primetone evaluate runs/decoder
        primetone evaluate runs/decoder --text another.txt --json
        primetone evaluate runs/gan --text captions_test.txt --samples 10000

    Parameters
    ----------
    run
        A run directory.
    text
        A text to score in place of the validation text that was kept apart in training.
    samples
        Sentences that a gan writes, and as many real ones (1,000 when not given).
    temperature
        A temperature that a gan writes at; repeat for several (1, 0.9 and 0.8 when not given).
    step
        The checkpoint of that step; the latest when not given.
    json
        Print the figures as JSON, baselines by name.
    """
    from primetone.run import Run

    if samples is not None and samples < 2:
        raise UsageError(f"expected --samples of at least 2, found {samples}")
    if temperature and min(temperature) < 0:
        raise UsageError(f"expected a --temperature of 0 or more, found {min(temperature):g}")
    with Progress() as progress:
        progress.show("loading")
        opened = Run.open(run)
        evaluation: Evaluation | SampleReport
        if "score" in opened.family.can:
            if samples is not None or temperature is not None:
                raise UsageError(
                    f"--samples and --temperature are for runs that write sentences; the family "
                    f"{opened.recipe.family} is scored by its likelihood"
                )
            evaluation = opened.evaluate(text, step=step, say=progress.show)
        else:
            evaluation = opened.evaluate_samples(
                text,
                count=1000 if samples is None else samples,
                temperatures=temperature or (1.0, 0.9, 0.8),
                step=step,
                say=progress.show,
            )
    if json:
        print_json(evaluation.to_dict())
    else:
        print(evaluation.table())
