"""Seven hostile texts of 1 MB with cl100k beside every peer that is installed, on one core.

Every round has texts of its own, since peers remember whole pieces: what is timed was never seen.
A peer whose ids are not tiktoken's is left out of that text, saying so.
"""

from __future__ import annotations

import argparse
import random
import statistics
import string
import tempfile
import time
from pathlib import Path

import numpy as np
from encode_speed import PEERS, Encode, ours
from peers import SHARED, has, print_machine, use_one_core

from primetone.text.tokenizer import Tokenizer

SIZE = 1_000_000


def texts(seed: int) -> dict[str, str]:
    """Each of a million bytes or a little less, others with every seed."""
    chance = random.Random(seed)
    size = SIZE - 13 * seed
    han = [chr(0x4E00 + number) for number in range(20_000)]
    punctuation = string.punctuation
    return {
        "one letter": "a" * size,
        "spaces": " " * size,
        "Chinese without a break": "".join(chance.choices(han, k=size // 3)),
        "emoji": "\U0001f600" * (size // 4),
        "letters at random": "".join(chance.choices(string.ascii_lowercase, k=size)),
        "bytes at random, as Latin-1": chance.randbytes(size * 2 // 3).decode("latin-1"),
        "punctuation at random": "".join(chance.choices(punctuation, k=size)),
    }


def tokie(path: Path) -> Encode:
    import tokie as library

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.json"
        Tokenizer.load(path, split="gpt4").save(file)
        tokenizer = library.Tokenizer.from_json(str(file))
    return lambda documents: np.concatenate([_ids(tokenizer.encode(each)) for each in documents])


def _ids(encoded: object) -> np.ndarray:
    return np.asarray(getattr(encoded, "ids", encoded), dtype=np.uint32)


def main() -> None:
    """Print a line for each text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    path = SHARED / "vocab" / "cl100k_base.tiktoken"
    if not path.is_file():
        print(f"skipped: {path} is not there")
        return
    use_one_core()
    makers = {name: make for name, make in {**PEERS, "tokie": tokie}.items() if has(name)}
    print_machine(["primetone", *makers, "numpy"])
    encoders = {"primetone": ours(path), **{name: make(path) for name, make in makers.items()}}
    rounds = [texts(options.seed + number) for number in range(options.rounds)]
    for title in rounds[0]:
        seconds: dict[str, list[float]] = {name: [] for name in encoders}
        wrong = set()
        for number, each in enumerate(rounds):
            names = list(encoders) if number % 2 == 0 else list(reversed(encoders))
            ids = {}
            for name in names:
                started = time.perf_counter()
                ids[name] = encoders[name]([each[title]])
                seconds[name].append(time.perf_counter() - started)
            wrong |= {n for n in names if not np.array_equal(ids[n], ids["primetone"])}
        assert "tiktoken" not in wrong, f"{title}: our ids are not tiktoken's"
        for name in sorted(wrong):
            print(f"{title}: {name} gives other ids and is left out")
        took = {n: statistics.median(values) for n, values in seconds.items() if n not in wrong}
        peers = {name: value for name, value in took.items() if name != "primetone"}
        best = min(peers, key=peers.__getitem__) if peers else None
        ratio = f"; {peers[best] / took['primetone']:.2f} times {best}" if best else ""
        row = ", ".join(f"{name} {value * 1e3:.1f}" for name, value in took.items())
        print(f"{title}, ms: {row}{ratio}")


if __name__ == "__main__":
    main()
