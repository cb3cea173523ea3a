"""What the side-by-side benches share: texts, paired timing, and how a result is printed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


def read_text(name: str) -> bytes:
    """A text of the shared folder, unpacked; ends the bench, saying why, where there is none."""
    plain, packed = SHARED / "data" / f"{name}.txt", SHARED / "data" / f"{name}.txt.zst"
    if plain.is_file():
        return plain.read_bytes()
    if packed.is_file():
        from primetone.text.corpus import Corpus

        return b"".join(Corpus.read([packed]).texts())
    print(f"skipped: neither {plain} nor {packed} is there")
    sys.exit(0)


def has(package: str) -> bool:
    """Whether a peer is installed; says so where it is not."""
    found = importlib.util.find_spec(package) is not None
    if not found:
        print(f"skipped: {package} is not installed")
    return found


def use_one_core() -> None:
    """Keep this process to one core, where the system can: some peers take all without asking."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])


def medians(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant, all in turn in every round, every other one in reverse."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants) if number % 2 == 0 else list(reversed(contestants))
        for name in names:
            started = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def print_table(title: str, num_bytes: int, seconds: dict[str, list[float]]) -> None:
    """One row a contestant: median, spread, speed, and how many times ours it takes."""
    ours = statistics.median(seconds["primetone"])
    print(f"\n{title}\n")
    print("| | median s | spread s | MB/s | time / ours |\n|---|---|---|---|---|")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"| {name} | {median:.3f} | {min(values):.3f}-{max(values):.3f} "
            f"| {num_bytes / 1e6 / median:.1f} | {median / ours:.1f} |"
        )


def print_machine(packages: list[str]) -> None:
    """Commit, processor and versions, without which figures mean nothing."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = f"{len(models)} x {models[0].split(':')[1].strip()}" if models else cpu
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    print(f"commit {commit or 'unknown'}; {cpu}; Python {platform.python_version()}; {versions}")
