"""Encoding with cl100k beside every peer that is installed: equal ids first, then all in turn, on
one core. "First" is the first pass over the text by that tokenizer, "warm" the passes after it.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from peers import SHARED, has, medians, print_machine, print_table, read_text, use_one_core

from primetone.text.tokenizer import Tokenizer

Encode = Callable[[list[str]], np.ndarray]

SHORT_TEXT = (
    "The quick brown fox jumps over the lazy dog by the river, and nobody saw it that day. Done."
)


def ours(path: Path) -> Encode:
    """Flat ids of a batch of documents."""
    tokenizer = Tokenizer.load(path, split="gpt4")
    return lambda documents: tokenizer.encode_batch(documents, threads=1).ids


def tiktoken(path: Path) -> Encode:
    import tiktoken

    lines = (line.split() for line in path.read_bytes().splitlines())
    encoding = tiktoken.Encoding(
        "cl100k",
        pat_str=Tokenizer.load(path, split="gpt4").pattern,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in lines},
        special_tokens={},
    )
    return lambda documents: np.concatenate([encoding.encode_to_numpy(d) for d in documents])


def gigatoken(path: Path) -> Encode:
    import awkward
    import gigatoken

    tokenizer = gigatoken.Tokenizer.from_tiktoken(path, pretokenizer="cl100k", special_tokens={})
    return lambda documents: np.asarray(
        awkward.flatten(tokenizer.encode_batch(documents, parallel=False))
    )


def fastokens(path: Path) -> Encode:
    import tempfile

    import fastokens

    # it reads no list of ranks with a pattern of our choice
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.json"
        Tokenizer.load(path, split="gpt4").save(file)
        tokenizer = fastokens.Tokenizer.from_file(str(file))
    return lambda documents: np.frombuffer(tokenizer.encode_batch_flat(documents)[0], np.uint32)


PEERS: dict[str, Callable[[Path], Encode]] = {
    "tiktoken": tiktoken,
    "gigatoken": gigatoken,
    "fastokens": fastokens,
}


def conditions(names: list[str], document_bytes: int) -> Iterator[tuple[str, list[str]]]:
    """What is encoded: the texts in documents, and many short strings."""
    for name in names:
        text = read_text(name).decode()
        documents = [text[at : at + document_bytes] for at in range(0, len(text), document_bytes)]
        yield f"{name}, {document_bytes >> 10} Ki-character documents", documents
        if name == "prose8":
            yield "one string of 100 bytes, 20,000 times", [SHORT_TEXT] * 20_000
            strings = [text[at : at + 100] for at in range(0, 2_000_000, 100)]
            yield "20,000 strings of 100 characters", strings


def main() -> None:
    """Print a table for each condition."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", nargs="+", default=["prose8", "code8", "multi8"])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--document-bytes", type=int, default=64 << 10)
    options = parser.parse_args()
    path = SHARED / "vocab" / "cl100k_base.tiktoken"
    if not path.is_file():
        print(f"skipped: {path} is not there")
        return
    use_one_core()
    peers = [name for name in options.peers if has(name)]
    print_machine(["primetone", *peers, "numpy"])
    for title, documents in conditions(options.texts, options.document_bytes):
        encoders = {"primetone": ours(path), **{name: PEERS[name](path) for name in peers}}
        first: dict[str, float] = {}
        expected: np.ndarray | None = None
        for name, encode in encoders.items():
            started = time.perf_counter()
            ids = encode(documents)
            first[name] = time.perf_counter() - started
            expected = ids if expected is None else expected
            np.testing.assert_array_equal(ids, expected, err_msg=name)
        seconds = medians(
            {
                name: lambda encode=encode, docs=documents: encode(docs)
                for name, encode in encoders.items()
            },
            options.rounds,
        )
        num_bytes = sum(len(document.encode()) for document in documents)
        print_table(f"cl100k, {title}, one core", num_bytes, seconds)
        for name, took in first.items():
            warm = statistics.median(seconds[name])
            speeds = [num_bytes / 1e6 / each for each in (took, warm)]
            print(f"{name}: first {speeds[0]:.0f}, warm {speeds[1]:.0f} MB/s")


if __name__ == "__main__":
    main()
