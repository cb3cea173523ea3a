"""A file of documents to a token store, beside gigatoken's call for files, which keeps its ids.

A process for each, in turn, on as many cores as threads; the ids are compared by their SHA-256
before any figure is printed. Ours are also synced to the disk, which is timed with the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peers import SHARED, has, print_machine, read_text

SEPARATOR = "<|end of document|>"
CHARACTERS = 64 << 10
VOCABULARY = SHARED / "vocab" / "cl100k_base.tiktoken"


def primetone(path: Path, threads: int, folder: Path) -> tuple[float, np.ndarray]:
    """Seconds, and the ids of the store, whose tokenizer has no id for the end of a document."""
    from primetone.text.corpus import Corpus
    from primetone.text.store_writer import write_store
    from primetone.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(VOCABULARY, split="gpt4")
    started = time.perf_counter()
    corpus = Corpus.read(path, separator=SEPARATOR)
    store = write_store(folder / "store", corpus, tokenizer, threads=threads)
    return time.perf_counter() - started, np.asarray(store.ids)


def gigatoken(path: Path, threads: int, folder: Path) -> tuple[float, np.ndarray]:
    import awkward
    from gigatoken import TextFileSource, Tokenizer

    tokenizer = Tokenizer.from_tiktoken(VOCABULARY, pretokenizer="cl100k", special_tokens={})
    started = time.perf_counter()
    ids = tokenizer.encode_files(
        TextFileSource([str(path)], separator=SEPARATOR), parallel=threads > 1
    )
    return time.perf_counter() - started, np.asarray(awkward.flatten(ids))


CONTESTANTS = {"primetone": primetone, "gigatoken": gigatoken}


def one(name: str, path: Path, threads: int) -> None:
    """In a process of its own: seconds, peak memory of the call, and what the ids are."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        seconds, ids = CONTESTANTS[name](path, threads, Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        digest = hashlib.sha256()
        for start in range(0, len(ids), 1 << 22):
            digest.update(ids[start : start + (1 << 22)].astype("<u4").tobytes())
    print(json.dumps([seconds, peak, digest.hexdigest()]))


def documents_of(name: str, path: Path) -> None:
    """A text cut into documents."""
    text = read_text(name).decode()
    parts = (text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS))
    path.write_text(SEPARATOR.join(parts), encoding="utf-8", newline="")


def main() -> None:
    """Print a line for each contestant and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", default="mixed100")
    parser.add_argument("--file", type=Path, help="documents of your own, divided by SEPARATOR")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], options.file, int(options.one[1]))
        return
    if not VOCABULARY.is_file():
        print(f"skipped: {VOCABULARY} is not there")
        return
    names = ["primetone", *(["gigatoken"] if has("gigatoken") else [])]
    print_machine([*names, "numpy"])
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "documents.txt"
        if options.file is None:
            documents_of(options.text, path)
        for threads in options.threads:
            found: dict[str, list[list[float]]] = {name: [] for name in names}
            for number in range(options.rounds):
                for name in names if number % 2 == 0 else reversed(names):
                    words = [sys.executable, __file__, "--file", str(path)]
                    words += ["--one", name, str(threads)]
                    done = subprocess.run(words, capture_output=True, text=True, check=True)
                    found[name].append(json.loads(done.stdout.splitlines()[-1]))
            assert len({row[2] for rows in found.values() for row in rows}) == 1, "ids differ"
            ours = statistics.median(row[0] for row in found["primetone"])
            size = path.stat().st_size / 1e6
            for name, rows in found.items():
                took = [row[0] for row in rows]
                median = statistics.median(took)
                print(
                    f"{threads} threads, {name}: {size / median:.0f} MB/s, {median:.2f} s "
                    f"({min(took):.2f}-{max(took):.2f}), {median / ours:.2f} of our time, peak "
                    f"{max(row[1] for row in rows) / (1 << 20):.0f} MiB"
                )


if __name__ == "__main__":
    main()
