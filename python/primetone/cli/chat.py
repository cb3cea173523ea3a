"""`primetone chat`: talk with a run, on a terminal or through a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from primetone.errors import Error


def chat(
    run: Path,
    /,
    *,
    tokens: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    step: int | None = None,
) -> None:
    """Talk with a run: each line you type is continued, as the words come.

    /help lists the commands; quit, exit or Ctrl-D ends, Ctrl-C too. On a pipe every line of
    standard input gets one reply on standard output.

    For example:

        primetone chat runs/book --temperature 0.5

    Parameters
    ----------
    run
        A run directory, of any family that can write.
    tokens
        Tokens of a reply at most.
    temperature
        Divides the logits: 0 always takes the likeliest token, 1 samples as trained.
    seed
        The same seed and the same words give the same replies.
    step
        The checkpoint of that step; the latest when not given.
    """
    from primetone.chat import Chat
    from primetone.run import Run

    opened = Run.open(run)
    given = {"max_tokens": tokens, "temperature": temperature, "seed": seed}
    settings = {name: value for name, value in given.items() if value is not None}
    conversation = Chat(opened.speaker(step=step), opened.sampling(**settings))
    if sys.stdin.isatty():
        print("/help lists the commands; quit, exit or Ctrl-D ends", file=sys.stderr)
    for line in _lines():
        try:
            for piece in conversation.hear(line):
                print(piece, end="", flush=True)
        except Error as error:
            print(f"primetone: error: {' '.join(str(error).split())}", file=sys.stderr)
            continue
        if conversation.is_over:
            return
        print(flush=True)


def _lines() -> Iterator[str]:
    """What is typed, or piped in, line by line."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.rstrip("\r\n")
        return
    try:
        import readline  # noqa: F401  # input() then has a history and can be edited
    except ImportError:
        pass
    while True:
        try:
            yield input("> ")
        except EOFError:
            print(file=sys.stderr)
            return
