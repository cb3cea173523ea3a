"""A word list and clean sentences from mixed text: ours, and plain Python with the package `regex`.

    python benches/python/words_speed.py [--rounds 5] [--megabytes 20]

Both must give the same list and the same sentences before anything is timed. One core. The last
lines are ours on half of the text: half of the time, if time grows with the text.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from peers import has, medians, print_machine, print_table, read_text, use_one_core

from primetone import _rust_tok
from primetone.text.sentences import clean_sentences
from primetone.text.tokenizer import Tokenizer

MAX_WORDS, SPECIALS = 50_000, 4


def lower(word: str) -> str:
    """Character by character."""
    return word.lower() if word.isascii() else "".join(map(str.lower, word))


def main() -> None:
    """Assert equal results, then time."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--megabytes", type=int, default=20)
    given = arguments.parse_args()
    if not has("regex"):
        return
    import regex

    use_one_core()
    data = read_text("mixed100")[: given.megabytes * 1_000_000]
    data = data[: data.rindex(b"\n") + 1]
    print_machine(["regex"])
    word = regex.compile(_rust_tok.WORD_PATTERN)

    def plain_list() -> list[str]:
        counts = Counter(map(lower, word.findall(data.decode())))
        return sorted(counts, key=lambda entry: (-counts[entry], entry))[:MAX_WORDS]

    def our_list(text: bytes = data) -> Tokenizer:
        return Tokenizer.word_list([text], max_words=MAX_WORDS, threads=1)

    listed, expected = our_list(), plain_list()
    entries = [token.decode().removesuffix(" ") for token in list(listed)[SPECIALS:]]
    assert entries == expected, "the lists differ"
    known = set(expected)

    def plain_sentences() -> str:
        kept = []
        for line in data.decode().split("\n"):
            words = [lower(found) for found in word.findall(line)]
            if 2 <= len(words) <= 14 and known.issuperset(words):
                kept.append(" ".join(words) + "\n")
        return "".join(kept)

    with tempfile.TemporaryDirectory() as folder:
        whole, half, out = (Path(folder) / name for name in ("text.txt", "half.txt", "out.txt"))
        whole.write_bytes(data)
        middle = data.rindex(b"\n", 0, len(data) // 2) + 1
        half.write_bytes(data[:middle])

        def our_sentences(path: Path = whole) -> None:
            clean_sentences(path, out, min_words=2, max_words=14, vocabulary=listed)

        our_sentences()
        assert out.read_text("utf-8") == plain_sentences(), "the sentences differ"
        lists = {
            "primetone": our_list,
            "plain Python": plain_list,
            "primetone, half of the text": lambda: our_list(data[:middle]),
        }
        title = f"the {MAX_WORDS:,} most frequent words of {len(data):,} bytes"
        print_table(title, len(data), medians(lists, given.rounds))
        filters = {
            "primetone": our_sentences,
            "plain Python": plain_sentences,
            "primetone, half of the text": lambda: our_sentences(half),
        }
        title = "lines of 2 to 14 of these words, file to file (Python: in memory)"
        print_table(title, len(data), medians(filters, given.rounds))


if __name__ == "__main__":
    main()
