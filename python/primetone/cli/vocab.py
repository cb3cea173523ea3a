"""`primetone vocab` and `primetone sentences`: text -> a list of its words, and clean sentences."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from primetone.cli.console import (
    Progress,
    ShowProgress,
    Texts,
    UsageError,
    count_words,
    duration_words,
    print_json,
    print_note,
    require_texts,
    size_words,
)


def vocab(
    *texts: Texts,
    out: Path,
    max_words: int = 5000,
    order: Literal["frequency", "first-seen", "shuffled"] = "frequency",
    seed: int | None = None,
    unit: Literal["word", "char"] = "word",
    encoding: str = "utf-8",
    field: str = "text",
    threads: int | None = None,
    max_memory: str | None = None,
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """List the words of text as rows of id,word, after <START>, <PAD>, <END> and <UNKNOWN>.

    Words are lower-cased runs of letters, marks and digits with apostrophes inside, and other
    signs one by one. The file is a tokenizer: train, encode and inspect take it.

    For example:

        primetone vocab captions.txt --max-words 5000 --out words.csv
        primetone sentences captions.txt --in-vocabulary words.csv --out clean.txt
        primetone train gan --data clean.txt --tokenizer words.csv --out runs/g

    Parameters
    ----------
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst), or - for standard input.
    out
        The file to write, such as words.csv, or tokenizer.json; an older one is replaced.
    max_words
        How many at most, without the four special rows.
    order
        frequency: the most frequent first; first-seen: those that come first, as they come;
        shuffled: the most frequent ones in an order that --seed decides.
    seed
        For --order shuffled; 0 when not given.
    unit
        char lists characters, which keep their case.
    encoding
        The encoding of the texts, such as windows-1252.
    field
        The field of .jsonl records that holds the text.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    max_memory
        Memory for counting, such as 2GiB; what does not fit goes through temporary files.
    progress
        Show progress; on a terminal when not given.
    json
        Print the result as JSON.
    """
    from primetone.files import require_place
    from primetone.text.corpus import Corpus
    from primetone.text.tokenizer import Tokenizer
    from primetone.text.tokenizer_files import format_of

    sources = require_texts(texts)
    if seed is not None and order != "shuffled":
        raise UsageError(f"--seed is for --order shuffled; {order} has one order")
    if format_of(out) not in ("csv", "json"):
        raise UsageError(f"--out: expected a name such as words.csv or words.json, found {out}")
    require_place(out)
    started = time.monotonic()
    corpus = Corpus.read(sources, encoding=encoding, field=field, once=True)
    with Progress(wanted=progress) as shown:
        words = Tokenizer.word_list(
            corpus,
            max_words=max_words,
            order=order,
            seed=seed or 0,
            unit=unit,
            threads=threads,
            max_memory=max_memory,
            temp_dir=out.parent,
            progress=shown.stage,
        )
    words.save(out)
    report = words.learn_report or {}
    listed, known = report["num_listed"], report["num_known"]
    unknown = report["num_words"] - known
    seconds = time.monotonic() - started
    if json:
        print_json(
            {
                "path": str(out),
                "kind": words.kind,
                "vocab_size": words.vocab_size,
                "fingerprint": words.fingerprint,
                "num_unknown": unknown,
                "seconds": seconds,
                **{name: report[name] for name in _COUNTED},
            }
        )
        return
    noun = "character" if unit == "char" else "word"
    print(
        f"{out}: {count_words(listed, noun)} of {report['num_distinct']:,} different ones and "
        f"{len(words.specials)} special rows, fingerprint {words.fingerprint}, from "
        f"{size_words(report['num_bytes'])} in {duration_words(seconds)}"
    )
    print(
        f"known: {known:,} of {count_words(report['num_words'], noun)} of the text "
        f"({100 * known / report['num_words']:.2f} %); {unknown:,} are outside the list"
    )


_COUNTED = ("num_listed", "num_distinct", "num_words", "num_known", "num_bytes")


def sentences(
    *texts: Texts,
    out: Path,
    min_words: int = 2,
    max_words: int = 14,
    min_share: float = 0.0,
    signs: Literal["keep", "drop"] = "keep",
    in_vocabulary: Path | None = None,
    limit: int | None = None,
    encoding: str = "utf-8",
    field: str = "text",
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """Keep the lines of text that are good sentences, and say how many went where.

    Each line is cut into words in lower case, written with a space between. A line is counted
    under the first filter that drops it, in the order of the options below.

    For example:

        primetone sentences fortunes.txt --encoding windows-1252 --out clean.txt
        primetone sentences news/ --min-words 10 --max-words 61 --min-share 0.9 --signs drop \
            --in-vocabulary words.csv --out clean.txt

    Parameters
    ----------
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst), or - for standard input.
    out
        The file to write; an older one is replaced in one step, or kept if nothing passes.
    min_words
        The fewest words; signs count unless they are dropped.
    max_words
        The most.
    min_share
        The least share of words that are no signs, 0 to 1.
    signs
        drop leaves out commas, hyphens and the like.
    in_vocabulary
        A list of words, as vocab makes: sentences with any other word are dropped and counted.
    limit
        Stop after so many sentences.
    encoding
        The encoding of the texts, such as windows-1252.
    field
        The field of .jsonl records that holds the text.
    progress
        Show progress; on a terminal when not given.
    json
        Print the result as JSON.
    """
    from primetone.files import require_place
    from primetone.text.sentences import clean_sentences
    from primetone.text.tokenizer import Tokenizer

    sources = require_texts(texts)
    require_place(out)
    started = time.monotonic()
    vocabulary = None if in_vocabulary is None else Tokenizer.load(in_vocabulary)
    with Progress(wanted=progress) as shown:
        report = clean_sentences(
            sources,
            out,
            min_words=min_words,
            max_words=max_words,
            min_share=min_share,
            signs=signs,
            vocabulary=vocabulary,
            limit=limit,
            encoding=encoding,
            field=field,
            progress=lambda num_bytes: shown.show(f"read {size_words(num_bytes)}"),
        )
    if report.is_limited:
        print_note(f"--limit {limit} was reached: what follows was not read")
    seconds = time.monotonic() - started
    if json:
        print_json({"path": str(out), **report.to_dict(), "seconds": seconds})
        return
    print(
        f"{out}: {count_words(report.num_kept, 'sentence')} of "
        f"{count_words(report.num_words, 'word')} from {count_words(report.num_lines, 'line')} in "
        f"{duration_words(seconds)}"
    )
    for reason in report.reasons():
        print(f"dropped: {reason}")
