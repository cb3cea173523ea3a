"""The classic signal model beside the original, written from its description: sizes and losses.

    python benches/python/classic_parity.py [--epochs 3] [--threads 2]

Both are built as they come and trained on the original's text as it trains: windows of 11
characters in batches of 32, Adam at 1e-3. Orders of windows and dropout differ, so that losses
are compared by their means over stretches of an epoch. 457 steps an epoch, some 15 seconds each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from classic_epoch_speed import (
    BATCH,
    SAMPLES,
    TEXT,
    WINDOW,
    Original,
    original_loop,
    our_loop,
    read_text,
    require_equal_logits,
    twins,
)
from peers import print_machine
from torch import Tensor, nn

from primetone.signals import SignalBank

STRETCHES = 3
"""Rows of the table of losses, an epoch."""


def token_logit_spread(
    model: Callable[[Tensor], Tensor], projection: nn.Linear, ids: Tensor
) -> float:
    """Standard deviation of the projection's first outputs, its bias left away."""
    seen: list[Tensor] = []
    hook = projection.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    model(ids)  # with gradients: without them ours gathers rows and passes the projection by
    hook.remove()
    return float((seen[0] - projection.bias).detach().std())


def signal_distance(original: Original, ids: np.ndarray) -> float:
    """The largest difference of a signal's sample between the original's float32 and ours."""
    theirs = original.signals(torch.from_numpy(ids))
    bank = SignalBank(num_symbols=len(original.primes), num_samples=SAMPLES, on_collision="ignore")
    return float((torch.from_numpy(bank.windows(ids)) - theirs).abs().max())


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    chosen = arguments.parse_args()
    if not TEXT.is_file():
        print(f"skipped: {TEXT} is not there")
        return
    torch.set_num_threads(chosen.threads)
    print_machine(["torch", "numpy"])
    require_equal_logits()
    _, ids = read_text()
    some = np.lib.stride_tricks.sliding_window_view(ids.astype(np.int64), WINDOW)[::50].copy()
    original, ours = twins()
    contexts = torch.from_numpy(some)
    spreads = (
        token_logit_spread(original, original.projection, contexts),
        token_logit_spread(
            lambda ids: ours(ids, positions="last"), ours.contexts.encoder.projection, contexts
        ),
    )
    sizes = [sum(one.numel() for one in model.parameters()) for model in (original, ours)]
    print("\n| | the original | primetone |\n|---|---|---|")
    print(f"| parameters | {sizes[0]:,} | {sizes[1]:,} |")
    print(f"| standard deviation of the first token logits | {spreads[0]:.4f} | {spreads[1]:.4f} |")
    print(f"| largest difference of a signal's sample | | {signal_distance(original, some):.1e} |")

    steps = -(-(len(ids) - WINDOW) // BATCH) * chosen.epochs
    losses: list[float] = []
    original_loop(losses.append)(steps)
    theirs = np.array(losses)
    curves = {}
    for precision in ("float32", "auto"):
        with tempfile.TemporaryDirectory() as folder:
            our_loop(precision, chosen.threads, folder)(steps)
            lines = (Path(folder) / f"{precision}.jsonl").read_text(encoding="utf-8").splitlines()
            logged = [json.loads(line) for line in lines]
            curves[precision] = np.array([line["loss"] for line in logged if "loss" in line])
    print("\n| steps | the original, nats | primetone, float32 | primetone, as it comes |")
    print("|---|---|---|---|")
    for part in range(STRETCHES * chosen.epochs):
        start, stop = (steps * end // (STRETCHES * chosen.epochs) for end in (part, part + 1))
        row = [theirs[start:stop].mean()]
        for curve in curves.values():
            every = steps / len(curve)  # a line is the mean of so many steps
            row.append(curve[int(start / every) : int(stop / every)].mean())
        print(f"| {start + 1}-{stop} | " + " | ".join(f"{value:.3f}" for value in row) + " |")


if __name__ == "__main__":
    main()
