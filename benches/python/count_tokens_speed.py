"""Counting the tokens of texts beside encoding them, in turn on one core; equal numbers first."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from peers import SHARED, print_machine, read_text, use_one_core

from primetone.text.tokenizer import Tokenizer


def main() -> None:
    """Print a line for each text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", nargs="+", default=["prose8", "code8", "multi8"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--document-bytes", type=int, default=64 << 10)
    options = parser.parse_args()
    path = SHARED / "vocab" / "cl100k_base.tiktoken"
    if not path.is_file():
        print(f"skipped: {path} is not there")
        return
    use_one_core()
    print_machine(["primetone", "numpy"])
    for name in options.texts:
        tokenizer = Tokenizer.load(path, split="gpt4")
        text = read_text(name)
        size = options.document_bytes
        documents = [text[at : at + size] for at in range(0, len(text), size)]
        batch = tokenizer.encode_batch(documents, threads=1)
        counts = tokenizer.count_batch(documents, threads=1)
        np.testing.assert_array_equal(np.diff(batch.offsets), counts, err_msg=name)
        seconds: dict[str, list[float]] = {"encode": [], "count": []}
        for _ in range(options.rounds):
            for what, call in (
                ("encode", tokenizer.encode_batch),
                ("count", tokenizer.count_batch),
            ):
                started = time.process_time()
                call(documents, threads=1)
                seconds[what].append(time.process_time() - started)
        ratios = [a / b for a, b in zip(seconds["encode"], seconds["count"], strict=True)]
        speeds = {what: len(text) / 1e6 / statistics.median(took) for what, took in seconds.items()}
        print(
            f"{name}: encode {speeds['encode']:.0f}, count {speeds['count']:.0f} MB/s of processor "
            f"time; count is {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
