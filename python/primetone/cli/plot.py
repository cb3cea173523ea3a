"""`primetone plot`: the curves of a run as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from primetone.cli.console import print_json


def plot(
    run: Path,
    /,
    *,
    internals: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    step: int | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Draw the curves in a run's metrics.jsonl, or a prompt's way through its model.

    For example:

        primetone plot runs/decoder
        primetone plot runs/s --internals "My name is "

    Parameters
    ----------
    run
        A run directory; training may still be going on.
    internals
        A prompt: draw what happens to it inside the model (families that can show it).
    step
        With --internals, the checkpoint of that step; the latest when not given.
    out
        The folder for the pictures; the run's own plots/ when not given.
    json
        Print the paths as JSON.
    """
    from primetone.plots import plot_internals, plot_run

    if internals is None:
        paths = plot_run(run, out)
    else:
        from primetone.run import Run

        opened = Run.open(run)
        found = opened.internals(internals, step=step)
        paths = plot_internals(
            found, out or opened.path / "plots", title=opened.path.resolve().name
        )
    if json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            print(path)
