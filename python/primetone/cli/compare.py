"""`primetone compare`: a fair experiment among the arms of a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from primetone.cli.console import Texts, UsageError, print_json


def compare(
    question: str,
    /,
    *overrides: str,
    data: Annotated[list[Texts] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    arms: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    seeds: int = 5,
    rates: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    equal: Literal["flops", "tokens"] = "flops",
    json: bool = False,
) -> None:
    """Train arms that differ in one thing, with equal parameters and FLOPs, and compare them.

    Every arm chooses its learning rate from the same grid on a seed of its own; then seeds count.
    Stopped, it goes on when it is called again. The directory gets results.json, table.md and a
    plot with error bars.

    For example:

        primetone compare signal --data book.txt --arms concatenated flat --seeds 3 train.steps=300

    Parameters
    ----------
    question
        What to compare: signal (what a causal transformer should read).
    overrides
        Values on top of the question's recipe, for all arms: key=value.
    data
        A text (file, folder or glob; repeat for several).
    out
        The directory of the experiment; runs/compare-QUESTION when not given.
    arms
        Names of arms, the largest of which sets parameters and FLOPs; all when not given.
    seeds
        Trainings of each arm at its best rate.
    rates
        Learning rates to choose from, in place of the question's own five.
    equal
        What all arms spend: the same training FLOPs, or the same number of tokens.
    json
        Print the results as JSON.
    """
    if not data:
        raise UsageError("expected --data: a text to train and validate on")
    from primetone.compare import compare as run_comparison
    from primetone.compare.report import table

    folder = out if out is not None else Path("runs") / f"compare-{question}"
    report = run_comparison(
        question,
        data,
        folder,
        arms=arms or (),
        seeds=seeds,
        rates=rates or (),
        equal=equal,
        overrides=overrides,
        say=lambda line: None if json else print(line, flush=True),
    )
    if json:
        print_json(report)
    else:
        print(f"\n{table(report)}\n{folder}")
