"""Signals beside torch's fastest way: rolled sines in a table, `embedding_bag`, then a norm.

    python benches/python/signal_speed.py [--rounds 15]

The original's shape: batches of 32 contexts of 11 characters, 512 samples, 97 characters, float32,
into a buffer that is reused; isolated windows are drawn from all over the text, as in training.
Outputs are asserted equal before anything is timed. The floor of the machine is measured in the
same rounds: writing the same number of bytes, nothing else. On one thread the clock is the
processor's, so that other programs disturb less; on two it is the wall's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as primetone's own command line sets it

import numpy as np
import torch
from peers import print_machine

from primetone.signals import SignalBank

CHARACTERS, SAMPLES, WINDOW, BATCH = 97, 512, 11, 32
STREAM = 32_768
BATCHES = 200


def main() -> None:
    """Assert equality, then print contexts per second and ratios."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds
    print_machine(["torch", "numpy"])
    bank = SignalBank(num_symbols=CHARACTERS, num_samples=SAMPLES, on_collision="ignore")
    ids = np.random.default_rng(0).integers(0, CHARACTERS, STREAM + WINDOW - 1).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(ids, WINDOW)
    table = torch.from_numpy(
        np.concatenate([np.roll(bank.atoms(), place, axis=1) for place in range(WINDOW)])
    )
    places = torch.arange(WINDOW) * CHARACTERS

    def theirs(batch: torch.Tensor) -> torch.Tensor:
        sums = torch.nn.functional.embedding_bag(batch + places, table, mode="sum")
        return sums / (sums.norm(dim=1, keepdim=True) + 1e-8)

    shuffled = windows[np.random.default_rng(1).permutation(len(windows))]
    batches = [np.ascontiguousarray(shuffled[at : at + BATCH]) for at in range(0, 6400, BATCH)]
    tensors = [torch.from_numpy(batch.astype(np.int64)) for batch in batches]
    small = np.empty((BATCH, SAMPLES), np.float32)
    streams = [np.ascontiguousarray(ids[at : at + BATCH]) for at in range(0, 6400, BATCH)]
    large = bank.slide(ids, WINDOW)
    assert isinstance(large, np.ndarray)
    flat = large.reshape(-1)

    for batch, tensor in zip(batches[:20], tensors, strict=False):
        bank.windows(batch, out=small)
        assert np.abs(small - theirs(tensor).numpy()).max() < 3e-7
    bank.slide(ids, WINDOW, out=large)
    for at in range(0, STREAM, 997):
        alone = bank.windows(windows[at : at + 1])
        assert np.array_equal(large[at + WINDOW - 1], alone[0])

    def ours_windows(threads: int) -> None:
        for batch in batches:
            bank.windows(batch, out=small, threads=threads)

    def ours_small_slides(threads: int) -> None:
        for stream in streams:
            bank.slide(stream, WINDOW, out=small, threads=threads)

    def peer(threads: int) -> None:
        torch.set_num_threads(threads)
        for tensor in tensors:
            theirs(tensor)

    for threads in (1, 2):
        clock = time.process_time if threads == 1 else time.perf_counter
        contestants: dict[str, tuple[Callable[[], object], int]] = {
            "torch embedding_bag, batch 32": (lambda n=threads: peer(n), BATCH * len(batches)),
            "windows, batch 32": (lambda n=threads: ours_windows(n), BATCH * len(batches)),
            "slide, batch 32": (lambda n=threads: ours_small_slides(n), BATCH * len(batches)),
            "slide, one stream": (
                lambda n=threads: bank.slide(ids, WINDOW, out=large, threads=n),
                len(ids),
            ),
            "write floor (fill)": (lambda: flat.fill(1.0), len(ids)),
            "slide, window 128": (
                lambda n=threads: bank.slide(ids, 128, out=large, threads=n),
                len(ids),
            ),
        }
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds):
            names = list(contestants) if number % 2 == 0 else list(reversed(contestants))
            for name in names:
                call, count = contestants[name]
                started = clock()
                call()
                rates[name].append(count / (clock() - started))
        medians = {name: statistics.median(values) for name, values in rates.items()}
        base = medians["torch embedding_bag, batch 32"]
        print(f"\n{threads} thread{'s' * (threads > 1)}, contexts per second\n")
        print("| | median M/s | spread M/s | times torch | GB/s written |\n|---|---|---|---|---|")
        for name, rate in medians.items():
            low, high = min(rates[name]), max(rates[name])
            print(
                f"| {name} | {rate / 1e6:.2f} | {low / 1e6:.2f}-{high / 1e6:.2f} "
                f"| {rate / base:.1f} | {rate * SAMPLES * 4 / 1e9:.1f} |"
            )
        pairs = zip(rates["slide, one stream"], rates["write floor (fill)"], strict=True)
        share = statistics.median(ours / floor for ours, floor in pairs)
        print(f"\nslide at {100 * share:.0f} % of the floor")


if __name__ == "__main__":
    main()
