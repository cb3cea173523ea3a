"""`primetone evaluate`: a run in bits per byte, beside n-gram models, PPMd and xz."""

from __future__ import annotations

from pathlib import Path

from primetone.cli.console import Progress, print_json


def evaluate(
    run: Path,
    /,
    *,
    text: Path | None = None,
    step: int | None = None,
    json: bool = False,
) -> None:
    """Score a run on its validation text, or on a text of yours, beside plain baselines.

    Bits per byte compare models with different tokenizers; fewer are better. The n-gram models and
    the compressors see the same training text and are scored on the same validation text.

    For example:

        primetone evaluate runs/decoder
        primetone evaluate runs/decoder --text another.txt --json

    Parameters
    ----------
    run
        A run directory.
    text
        A text to score in place of the validation text that was kept apart in training.
    step
        The checkpoint of that step; the latest when not given.
    json
        Print the figures as JSON, baselines by name.
    """
    from primetone.run import Run

    with Progress() as progress:
        progress.show("loading")
        opened = Run.open(run)
        evaluation = opened.evaluate(text, step=step, say=progress.show)
    if json:
        print_json(evaluation.to_dict())
    else:
        print(evaluation.table())
