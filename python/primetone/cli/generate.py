"""`primetone generate`: a run writes text."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from primetone.cli.console import UsageError, print_json


def generate(
    run: Path,
    /,
    *,
    prompt: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    tokens: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    stop: Annotated[list[str] | None, Parameter(allow_leading_hyphen=True)] = None,
    samples: int = 1,
    step: int | None = None,
    json: bool = False,
) -> None:
    """Write new text after a prompt, token by token, never half a character.

    What is not given is taken from the run's recipe (its `generate` keys).

    For example:

        primetone generate runs/book --prompt "It was" --tokens 200 --top-p 0.95

    Parameters
    ----------
    run
        A run directory.
    prompt
        The text to go on from; it may be longer than the model's context. - reads standard input.
    tokens
        Tokens to write at most.
    seed
        The same seed writes the same text.
    temperature
        Divides the logits: 0 always takes the likeliest token, 1 samples as trained.
    top_k
        Keep only the k likeliest tokens; 0 keeps all.
    top_p
        Keep the likeliest tokens up to this total probability.
    min_p
        Drop tokens below this share of the likeliest one's probability.
    repetition_penalty
        Above 1: tokens already in the text become less likely.
    stop
        Stop before this text appears; repeat for several.
    samples
        How many texts to write, with seeds that follow one another.
    step
        The checkpoint of that step; the latest when not given.
    json
        Print prompt, text and seconds as JSON, one array entry a sample.
    """
    from primetone.run import Run

    if samples < 1:
        raise UsageError(f"expected --samples of at least 1, found {samples}")
    given = {
        "max_tokens": tokens,
        "seed": seed,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "stop": None if stop is None else tuple(stop),
    }
    settings = {name: value for name, value in given.items() if value is not None}
    start = read_prompt(prompt)
    opened = Run.open(run)
    first_seed = opened.sampling(**settings).seed
    results = []
    for number in range(samples):
        began = time.monotonic()
        pieces = opened.generate(start, step=step, **{**settings, "seed": first_seed + number})
        if json:
            text = "".join(pieces)
            results.append(
                {
                    "prompt": start,
                    "text": text,
                    "seed": first_seed + number,
                    "seconds": time.monotonic() - began,
                }
            )
            continue
        if number:
            print("-" * 20)
        print(start, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print(flush=True)
    if json:
        print_json(results)


def read_prompt(prompt: str) -> str:
    """The prompt, or what stands on standard input for `-`; TextError where it is not UTF-8."""
    from primetone.errors import TextError

    # Python hands on the undecodable bytes of an argument as lone surrogates.
    data = sys.stdin.buffer.read() if prompt == "-" else prompt.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise TextError(
            f"expected a prompt in UTF-8, found byte 0x{data[error.start]:02x} at offset "
            f"{error.start:,}: convert it first"
        ) from None
