"""BLEU-2..5 and self-BLEU-5 of 10,000 against 10,000 captions: ours, plain Python, NLTK.

    python benches/python/sample_metrics_speed.py [--rounds 7]

Plain Python does the same in linear time; NLTK scores 20 samples, and its time is multiplied. All
figures must agree to 1e-9 (NLTK's on its own samples) before anything is timed.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections import Counter, defaultdict

from peers import SHARED, has, medians, print_machine

from primetone import _rust_tok
from primetone.evaluation.samples import words

ORDER, NLTK_SAMPLES = 5, 20
Sentence = list[str]


def ngrams(sentence: Sentence, order: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram occurs."""
    return Counter(zip(*(sentence[start:] for start in range(order)), strict=False))


def python_bleu(samples: list[Sentence], references: list[Sentence] | None) -> list[float]:
    """BLEU-1 to BLEU-5, against the others where there are no references; in linear time."""
    known = samples if references is None else references
    lengths = Counter(len(sentence) for sentence in known)
    most: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(lambda: [(0, -1), (0, -1)])
    for owner, sentence in enumerate(known):
        for order in range(1, ORDER + 1):
            for ngram, count in ngrams(sentence, order).items():
                top = most[ngram]
                if count > top[0][0]:
                    top[:] = [(count, owner), top[0]]
                elif count > top[1][0]:
                    top[1] = (count, owner)
    sums = [0.0] * ORDER
    for at, sentence in enumerate(samples):
        others = lengths - Counter([len(sentence)]) if references is None else lengths
        near = min(others, key=lambda length: (abs(length - len(sentence)), length))
        brevity = 1.0 if len(sentence) > near else math.exp(1 - near / max(len(sentence), 1))
        logs, has_match = 0.0, True
        for order in range(1, ORDER + 1):
            matches = 0
            counts = ngrams(sentence, order)
            for ngram, count in counts.items():
                if ngram in most:
                    first, second = most[ngram]
                    own = references is None and first[1] == at
                    matches += min(count, second[0] if own else first[0])
            has_match = has_match and (order > 1 or matches > 0)
            logs += math.log((matches or 0.1) / max(sum(counts.values()), 1))
            sums[order - 1] += brevity * math.exp(logs / order) * has_match
    return [value / len(samples) for value in sums]


def nltk_bleu(samples: list[Sentence], references: list[Sentence], order: int) -> float:
    """The mean of NLTK's scores."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth = SmoothingFunction().method1
    weights = [1 / order] * order
    scores = [sentence_bleu(references, one, weights, smoothing_function=smooth) for one in samples]
    return float(sum(scores) / len(scores))


def main() -> None:
    """Assert equal figures, then time."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=7)
    rounds = arguments.parse_args().rounds
    paths = [SHARED / "data" / f"coco_captions_{part}.txt" for part in ("train", "test")]
    if not all(path.is_file() for path in paths):
        print(f"skipped: {paths[0]} is not there")
        sys.exit(0)
    print_machine(["nltk", "numpy"])
    samples, references = (
        [words(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in paths
    )

    def ours() -> tuple[list[float], list[float]]:
        return _rust_tok.bleu(samples, references, ORDER), _rust_tok.self_bleu(samples, ORDER)

    def python() -> tuple[list[float], list[float]]:
        return python_bleu(samples, references), python_bleu(samples, None)

    for mine, plain in zip(ours(), python(), strict=True):
        assert all(abs(a - b) < 1e-9 for a, b in zip(mine, plain, strict=True)), (mine, plain)
    contestants = {"primetone": ours, "plain Python, linear": python}
    seconds = medians(contestants, rounds)
    if has("nltk"):
        few = samples[:NLTK_SAMPLES]
        started = time.perf_counter()
        theirs = [nltk_bleu(few, references, order) for order in range(2, ORDER + 1)]
        taken = time.perf_counter() - started
        mine = _rust_tok.bleu(few, references, ORDER)[1:]
        assert all(abs(a - b) < 1e-12 for a, b in zip(mine, theirs, strict=True)), (mine, theirs)
        seconds[
            f"NLTK, {NLTK_SAMPLES} samples times {len(samples) // NLTK_SAMPLES}, BLEU alone"
        ] = [taken * len(samples) / NLTK_SAMPLES]
    base = statistics.median(seconds["primetone"])
    print(f"\nBLEU-2..5 {[round(value, 3) for value in ours()[0][1:]]}, one thread\n")
    print("| | median s | spread s | times ours |\n|---|---|---|---|")
    for name, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values):.3f}-{max(values):.3f}"
        print(f"| {name} | {median:.3f} | {spread} | {median / base:.1f} |")


if __name__ == "__main__":
    main()
