"""Encoding beside tiktoken: equal ids first, then both in turn, one thread each."""

from __future__ import annotations

import argparse
import base64

import numpy as np
from peers import SHARED, has, medians, print_machine, print_table, read_text

from primetone.text.tokenizer import Tokenizer

DOCUMENT_BYTES = 64 << 10


def main() -> None:
    """Print a table for each text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", nargs="+", default=["prose8", "code8", "multi8"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not has("tiktoken"):
        return
    import tiktoken

    path = SHARED / "vocab" / "cl100k_base.tiktoken"
    if not path.is_file():
        print(f"skipped: {path} is not there")
        return
    ours = Tokenizer.load(path, split="gpt4")
    lines = (line.split() for line in path.read_bytes().splitlines())
    theirs = tiktoken.Encoding(
        "cl100k",
        pat_str=ours.pattern,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in lines},
        special_tokens={},
    )
    print_machine(["primetone", "tiktoken", "numpy"])
    for name in options.texts:
        text = read_text(name).decode()
        documents = [text[at : at + DOCUMENT_BYTES] for at in range(0, len(text), DOCUMENT_BYTES)]
        for document in documents:
            np.testing.assert_array_equal(ours.encode(document), theirs.encode_to_numpy(document))
        seconds = medians(
            {
                "primetone": lambda docs=documents: [ours.encode(d) for d in docs],
                "tiktoken": lambda docs=documents: [theirs.encode_to_numpy(d) for d in docs],
            },
            options.rounds,
        )
        title = f"cl100k, {name}, {DOCUMENT_BYTES >> 10} Ki-character documents, one thread"
        print_table(title, len(text.encode()), seconds)


if __name__ == "__main__":
    main()
