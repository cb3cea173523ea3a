"""Write synthetic text of any size whose word list really grows, for trials of bounded memory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

BLOCK_WORDS = 1 << 20
LETTERS = np.frombuffer(b"etaoinshrdlcumwfgypbvkjxqz", dtype=np.uint8)


def words(first: int, last: int) -> list[bytes]:
    """Words number ``first`` to ``last``: frequent ones are short, all are different."""
    spelled = []
    for number in range(first, last):
        letters = bytearray(b" ")
        rest = number + 1
        while rest:
            rest, letter = divmod(rest - 1, 26)
            letters.append(LETTERS[letter])
        spelled.append(bytes(letters))
    return spelled


def write(path: Path, size_bytes: int, num_words: int, seed: int) -> None:
    """Words drawn with a frequency of 1 / rank, a sentence a line."""
    known = words(0, num_words)
    generator = np.random.default_rng(seed)
    written = 0
    with path.open("wb") as file:
        while written < size_bytes:
            ranks = np.exp(generator.random(BLOCK_WORDS) * np.log(num_words)).astype(np.int64) - 1
            chosen = [known[rank] for rank in ranks.tolist()]
            chosen[::13] = [b".\nThe" + word for word in chosen[::13]]
            written += file.write(b"".join(chosen))


def main() -> None:
    """Write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size-bytes", type=int, default=4_000_000_000)
    parser.add_argument("--words", type=int, default=4_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.out, options.size_bytes, options.words, options.seed)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
