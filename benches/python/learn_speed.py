"""Learning merges beside other trainers: equal merges first, then all in turn, a process each.

Every trainer reads the same documents from one file, in a process of its own, so that its peak of
memory is its own too. Trainers that are not installed are left out, saying so.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from peers import print_machine, read_text

DOCUMENT_CHARACTERS = 64 << 10
SEPARATOR = "<|end of document|>"
BLOCK_BYTES = 1 << 20
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class Outcome(NamedTuple):
    """What one process found: seconds of the call, peak memory, the merges' digest."""

    seconds: float
    peak_bytes: int
    digest: str


def documents(path: Path) -> Iterator[bytes]:
    """The documents of a file, read in blocks."""
    separator, rest = SEPARATOR.encode(), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            *whole, rest = (rest + block).split(separator)
            yield from whole
    yield rest


def strings(path: Path) -> Iterator[str]:
    """The documents as the trainers want them that take no bytes."""
    return (document.decode() for document in documents(path))


def learn_primetone(path: Path, vocab_size: int, tie: str) -> list[bytes]:
    """Reads the file itself; the tokens in the order they were learnt."""
    from primetone.text.corpus import Corpus
    from primetone.text.tokenizer import Tokenizer

    learned = Tokenizer.learn(
        Corpus.read(path, separator=SEPARATOR),
        vocab_size=vocab_size,
        split="gpt2",
        tie=tie,  # type: ignore[arg-type]
    )
    return [learned[merged] for _, _, merged in learned.merges]


def learn_gigatoken(path: Path, vocab_size: int, tie: str) -> list[bytes]:
    """Reads the file itself, in place."""
    import gigatoken

    source = gigatoken.TextFileSource([str(path)], separator=SEPARATOR)
    rule = {"hf": "huggingface", "raw": "raw_token_ids"}[tie]
    _, merges = gigatoken.train_bpe(source, vocab_size, [SEPARATOR], rule)
    return [left + right for left, right in merges]


def learn_tokenizers(path: Path, vocab_size: int, tie: str) -> list[bytes]:
    """Hugging Face's trainer behind Split and ByteLevel; its rule is hf."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[SEPARATOR],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(strings(path), trainer)
    return [_unspell(left + right) for left, right in _merges_of(tokenizer)]


def _merges_of(tokenizer: Any) -> list[tuple[str, str]]:
    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


def _unspell(token: str) -> bytes:
    """Byte-level characters back to bytes: printable ones are themselves, others count from 256."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in kept]
    table = {chr(byte): byte for byte in kept}
    table |= {chr(256 + place): byte for place, byte in enumerate(moved)}
    return bytes(table[character] for character in token)


def learn_rustbpe(path: Path, vocab_size: int, tie: str) -> list[bytes]:
    """Its rule is raw; it has no special tokens."""
    import rustbpe

    trained = rustbpe.Tokenizer()
    trained.train_from_iterator(strings(path), vocab_size - 1, pattern=GPT2)
    return [bytes(token) for token, _ in trained.get_mergeable_ranks()[256:]]


def learn_bpeasy(path: Path, vocab_size: int, tie: str) -> list[bytes]:
    """Its rule is raw; it has no special tokens."""
    import bpeasy

    ranks = bpeasy.train_bpe(strings(path), GPT2, 1 << 16, vocab_size - 1)
    return [token for token, rank in sorted(ranks.items(), key=lambda item: item[1]) if rank > 255]


TRAINERS: dict[str, tuple[str, str, Callable[[Path, int, str], list[bytes]]]] = {
    "primetone": ("primetone.text.tokenizer", "hf", learn_primetone),
    "primetone, raw ties": ("primetone.text.tokenizer", "raw", learn_primetone),
    "gigatoken": ("gigatoken", "hf", learn_gigatoken),
    "tokenizers": ("tokenizers", "hf", learn_tokenizers),
    "rustbpe": ("rustbpe", "raw", learn_rustbpe),
    "bpeasy": ("bpeasy", "raw", learn_bpeasy),
}
"""Name in the table: module, tie rule, and how it learns."""


def measure(name: str, path: Path, vocab_size: int) -> Outcome:
    """One trainer in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", name, "--file", path, "--vocab-size", str(vocab_size)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return Outcome(*json.loads(done.stdout.splitlines()[-1]))


def report_one(name: str, path: Path, vocab_size: int) -> None:
    """What `measure` asks of its process."""
    module, tie, learn = TRAINERS[name]
    importlib.import_module(module)  # not part of the time
    started = time.perf_counter()
    tokens = learn(path, vocab_size, tie)
    seconds = time.perf_counter() - started
    digest = hashlib.sha256(b"".join(len(t).to_bytes(4, "little") + t for t in tokens))
    print(json.dumps([seconds, peak_bytes(), digest.hexdigest()]))


def peak_bytes() -> int:
    """The most memory this process held; the usual figure also counts what its parent held."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def write_documents(path: Path, text: str, copies: int) -> int:
    """The text as documents; further copies with fresh words, so that the word list grows."""
    assert SEPARATOR not in text
    ends = range(0, len(text), DOCUMENT_CHARACTERS)
    with path.open("wb") as file:
        for copy in range(copies):
            fresh = text if copy == 0 else text.replace("e", chr(ord("a") + copy) + "e")
            pieces = (fresh[at : at + DOCUMENT_CHARACTERS] for at in ends)
            file.write(SEPARATOR.join(pieces).encode() + SEPARATOR.encode())
    return path.stat().st_size


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", default="prose8")
    parser.add_argument("--copies", type=int, default=1, help="5 of mixed100 are 500 MB")
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trainers", nargs="+", default=list(TRAINERS), choices=list(TRAINERS))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        report_one(options.only, options.file, options.vocab_size)
        return
    names = []
    for name in options.trainers:
        if importlib.util.find_spec(TRAINERS[name][0]) is None:
            print(f"left out: {name} is not installed")
        else:
            names.append(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.txt"
        size = write_documents(path, read_text(options.text).decode(), options.copies)
        print_machine(sorted({TRAINERS[name][0].split(".")[0] for name in names}))
        outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                outcomes[name].append(measure(name, path, options.vocab_size))
                assert_same_merges(outcomes)
    print(f"\n{options.text} x {options.copies} ({size / 1e6:.0f} MB), gpt2 split, ", end="")
    print(f"vocabulary {options.vocab_size:,}, all cores; merges equal within each tie rule\n")
    print("| | median s | spread s | MB/s | peak MB | time / ours | memory / ours | merges |")
    print("|---|---|---|---|---|---|---|---|")
    ours = outcomes["primetone"]
    our_seconds = statistics.median(one.seconds for one in ours)
    our_peak = statistics.median(one.peak_bytes for one in ours)
    for name in names:
        seconds = [one.seconds for one in outcomes[name]]
        peak = statistics.median(one.peak_bytes for one in outcomes[name])
        median = statistics.median(seconds)
        print(
            f"| {name} ({TRAINERS[name][1]}) | {median:.2f} | {min(seconds):.2f}-{max(seconds):.2f}"
            f" | {size / 1e6 / median:.0f} | {peak / 1e6:.0f} | {median / our_seconds:.1f} "
            f"| {peak / our_peak:.1f} | {outcomes[name][0].digest[:12]} |"
        )


def assert_same_merges(outcomes: dict[str, list[Outcome]]) -> None:
    """Trainers with one tie rule must agree, in every round."""
    for rule in {tie for _, tie, _ in TRAINERS.values()}:
        same = {
            name: {one.digest for one in found}
            for name, found in outcomes.items()
            if TRAINERS[name][1] == rule and found
        }
        assert len(set().union(*same.values())) <= 1, f"the merges differ under {rule}: {same}"


if __name__ == "__main__":
    main()
