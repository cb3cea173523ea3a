"""`primetone plot`: the curves of a run as pictures."""

from __future__ import annotations

from pathlib import Path

from primetone.cli.console import print_json


def plot(run: Path, /, *, out: Path | None = None, json: bool = False) -> None:
    """Draw the curves in a run's metrics.jsonl as PNG and SVG.

    For example:

        primetone plot runs/decoder

    Parameters
    ----------
    run
        A run directory; training may still be going on.
    out
        The folder for the pictures; the run's own plots/ when not given.
    json
        Print the paths as JSON.
    """
    from primetone.plots import plot_run

    paths = plot_run(run, out)
    if json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            print(path)
