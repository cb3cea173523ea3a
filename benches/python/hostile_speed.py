"""Seven hostile texts of 1 MB with cl100k beside every peer that is installed, on one core.

A peer whose ids are not tiktoken's is left out of that text, saying so. Caches are warm from the
comparison of ids, as they are for the peers.
"""

from __future__ import annotations

import argparse
import random
import statistics
import string
import tempfile
from pathlib import Path

import numpy as np
from encode_speed import PEERS, Encode, ours
from peers import SHARED, has, medians, print_machine, use_one_core

from primetone.text.tokenizer import Tokenizer

SIZE = 1_000_000


def texts(seed: int) -> dict[str, str]:
    """Each of a million bytes or a little less."""
    chance = random.Random(seed)
    han = [chr(0x4E00 + number) for number in range(20_000)]
    punctuation = string.punctuation
    return {
        "one letter": "a" * SIZE,
        "spaces": " " * SIZE,
        "Chinese without a break": "".join(chance.choices(han, k=SIZE // 3)),
        "emoji": "\U0001f600" * (SIZE // 4),
        "letters at random": "".join(chance.choices(string.ascii_lowercase, k=SIZE)),
        "bytes at random, as Latin-1": chance.randbytes(SIZE * 2 // 3).decode("latin-1"),
        "punctuation at random": "".join(chance.choices(punctuation, k=SIZE)),
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
    for title, text in texts(options.seed).items():
        expected = encoders["primetone"]([text])
        chosen = {}
        for name, encode in encoders.items():
            if np.array_equal(encode([text]), expected):
                chosen[name] = lambda encode=encode, text=text: encode([text])
            else:
                print(f"{title}: {name} gives other ids and is left out")
        assert "tiktoken" not in makers or "tiktoken" in chosen, f"{title}: not tiktoken's ids"
        took = {
            name: statistics.median(values)
            for name, values in medians(chosen, options.rounds).items()
        }
        peers = {name: seconds for name, seconds in took.items() if name != "primetone"}
        best = min(peers, key=peers.__getitem__) if peers else None
        ratio = f"; {peers[best] / took['primetone']:.2f} times {best}" if best else ""
        row = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in took.items())
        print(f"{title} ({len(text.encode()):,} bytes), ms: {row}{ratio}")


if __name__ == "__main__":
    main()
