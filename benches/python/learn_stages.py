"""Where learning spends time and memory: seconds, processor seconds and peak by stage.

One process, no peers: for trials of a change, several runs of each build in turn. The peak of a
stage is that of the whole process while the stage lasts (Linux).
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from learn_speed import SEPARATOR, write_documents
from peers import read_text

from primetone.text.corpus import Corpus
from primetone.text.counts import WordCounts
from primetone.text.tokenizer import Tokenizer

T = TypeVar("T")


def resident(field: str) -> float:
    """A figure of this process in MB: ``VmRSS`` is what it holds, ``VmHWM`` the peak."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(field)
    )
    return int(line.split()[1]) * 1024 / 1e6


def stage(name: str, work: Callable[[], T]) -> T:
    """Do the work and print a row."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    made = work()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(
        f"| {name} | {seconds:.2f} | {user:.2f} | {system:.2f} "
        f"| {resident('VmHWM'):.0f} | {resident('VmRSS'):.0f} |"
    )
    return made


def write(path: Path, text: str, copies: int) -> None:
    """Write the documents to learn from."""
    write_documents(path, read_text(text).decode(), copies)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", default="mixed100")
    parser.add_argument("--copies", type=int, default=1, help="5 of mixed100 are 500 MB")
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--split", default="gpt2")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.txt"
        with ProcessPoolExecutor(1) as elsewhere:  # what writing holds is not ours
            elsewhere.submit(write, path, options.text, options.copies).result()
        print("| | s | user s | system s | peak MB | after MB |")
        print("|---|---|---|---|---|---|")
        corpus = Corpus.read(path, separator=SEPARATOR)
        counts = stage(
            "count",
            lambda: WordCounts.count(corpus, split=options.split, threads=options.threads),
        )
        stage(
            "merge",
            lambda: Tokenizer.learn(counts, vocab_size=options.vocab_size, threads=options.threads),
        )


if __name__ == "__main__":
    main()
