"""`primetone demo`: the whole path on a text that is already there."""

from __future__ import annotations

from pathlib import Path

from primetone.cli.console import Progress


def demo(
    *,
    text: Path | None = None,
    out: Path | None = None,
    seconds: float | None = None,
) -> None:
    """Show the whole path: text, tokenizer, store, training, evaluation, new text. Two minutes.

    Nothing is downloaded: the text is the manual that every Python carries.

    For example:

        primetone demo
        primetone demo --text my_novel.txt

    Parameters
    ----------
    text
        A text of yours; some hundred kilobytes make the samples readable.
    out
        The run directory to make; a new one under runs/ when not given.
    seconds
        How long to train.
    """
    from primetone.demo import run_demo

    with Progress() as progress:
        run_demo(text=text, out=out, seconds=seconds, say=print_now, progress=progress)


def print_now(line: str) -> None:
    """A line on stdout at once, also when stdout is a pipe."""
    print(line, flush=True)
