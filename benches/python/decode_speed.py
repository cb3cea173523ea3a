"""Decoding with cl100k beside tiktoken and gigatoken, and the memory of each once it is warm."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from encode_speed import PEERS, ours
from peers import SHARED, has, medians, print_machine, print_table, read_text, use_one_core

from primetone.text.tokenizer import Tokenizer

VOCABULARY = SHARED / "vocab" / "cl100k_base.tiktoken"
DOCUMENT_BYTES = 64 << 10


def tiktoken(path: Path) -> Callable[[np.ndarray], bytes]:
    import base64

    from tiktoken import Encoding

    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    pattern = Tokenizer.load(path, split="gpt4").pattern
    encoding = Encoding("cl100k", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda ids: encoding.decode_bytes(ids.tolist())


def gigatoken(path: Path) -> Callable[[np.ndarray], bytes]:
    from gigatoken import Tokenizer as Other

    tokenizer = Other.from_tiktoken(path, pretokenizer="cl100k", special_tokens={})
    return lambda ids: _bytes(tokenizer.decode(ids))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def resident_bytes() -> int:
    """What this process has in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise OSError("/proc/self/status says nothing of VmRSS")


def memory(name: str, text_name: str) -> None:
    """In a process of its own: what a tokenizer adds once it encoded a text."""
    text = read_text(text_name).decode()
    documents = [text[at : at + DOCUMENT_BYTES] for at in range(0, len(text), DOCUMENT_BYTES)]
    make = {"primetone": ours, **PEERS}[name]
    # libraries, and what loading one leaves behind, do not count
    Tokenizer.bytes().encode_batch(documents[:4], threads=1)
    before = resident_bytes()
    encode = make(VOCABULARY)
    for document in documents:
        encode([document])
    print(json.dumps(resident_bytes() - before))


def main() -> None:
    """Print a table for each text, then memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", nargs="+", default=["prose8", "multi8"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not VOCABULARY.is_file():
        print(f"skipped: {VOCABULARY} is not there")
        return
    if options.memory_of:
        memory(options.memory_of, options.texts[0])
        return
    use_one_core()
    makers = {"tiktoken": tiktoken, "gigatoken": gigatoken}
    makers = {name: make for name, make in makers.items() if has(name)}
    print_machine(["primetone", *makers, "numpy"])
    tokenizer = Tokenizer.load(VOCABULARY, split="gpt4")
    decoders = {
        "primetone": tokenizer.decode_bytes,
        **{name: make(VOCABULARY) for name, make in makers.items()},
    }
    for text_name in options.texts:
        text = read_text(text_name)
        ids = tokenizer.encode(text, dtype="uint32")
        for name, decode in decoders.items():
            assert decode(ids) == text, f"{name} does not give the text back"
        contestants = {
            name: lambda decode=decode, ids=ids: decode(ids) for name, decode in decoders.items()
        }
        seconds = medians(contestants, options.rounds)
        print_table(f"decoding {text_name}, {len(ids):,} ids, one core", len(text), seconds)
    print(f"\nmemory that a tokenizer adds, warm from {options.texts[0]}, a process each")
    for name in decoders:
        words = [sys.executable, __file__, "--memory-of", name, "--texts", options.texts[0]]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        print(f"{name}: {json.loads(done.stdout.splitlines()[-1]) / (1 << 20):.0f} MiB")


if __name__ == "__main__":
    main()
