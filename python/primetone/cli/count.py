"""`primetone count` and `primetone merge-counts`: text -> word counts, and their sums."""

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
    make_place,
    print_json,
    print_note,
    require_texts,
    size_words,
)


def count(
    *texts: Texts,
    out: Path,
    split: str | None = None,
    pattern: str | None = None,
    shard_id: str | None = None,
    encoding: str = "utf-8",
    field: str = "text",
    per: Literal["file", "line", "paragraph"] = "file",
    separator: str = "",
    skip_broken: bool = False,
    max_memory: str | None = None,
    temp_dir: Path | None = None,
    threads: int | None = None,
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """Count the pieces of text into a file that learn and merge-counts take.

    For example:

        primetone count shard-*.jsonl.zst --split gpt4 --out counts/part-3
        primetone merge-counts counts/* --out all.counts
        primetone learn --from-counts all.counts --vocab-size 32000 --out tokenizer.json

    Parameters
    ----------
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst; .parquet), or - for standard
        input.
    out
        The file to write; an older one is replaced in one step.
    split
        How text is cut into pieces: gpt2, gpt4 (when nothing is given), o200k, llama3, qwen2,
        tekken or none.
    pattern
        A regular expression of your own that matches the pieces, in place of a named split.
    shard_id
        A name for this shard; a sum refuses a shard that it has already. When not given, the
        fingerprint of the counts.
    encoding
        The encoding of the texts; bytes takes them as they are.
    field
        The field of .jsonl records, and the column of .parquet files, that holds the text.
    per
        What one document is in plain text: each is split by itself.
    separator
        What divides documents in plain text, such as <|endoftext|>; in place of --per.
    skip_broken
        Leave out files that cannot be read, whole, and say which; everything is read twice.
    max_memory
        Memory for counting, such as 2GiB; what does not fit goes through temporary files.
    temp_dir
        Where those go; beside the output when not given.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    progress
        Show progress; on a terminal when not given.
    json
        Print the result as JSON.
    """
    from primetone.text.corpus import Corpus
    from primetone.text.counts import WordCounts

    sources = require_texts(texts)
    make_place(out)
    started = time.monotonic()
    corpus = Corpus.read(
        sources,
        encoding=encoding,
        field=field,
        per=per,
        separator=separator,
        once=True,
        skip_broken=skip_broken,
    )
    with Progress(wanted=progress) as shown:
        counts = WordCounts.count(
            corpus,
            split=split,
            pattern=pattern,
            threads=threads,
            max_memory=max_memory,
            temp_dir=out.parent if temp_dir is None else temp_dir,
            shard_id=shard_id,
            progress=shown.stage,
        )
        counts.save(out, progress=shown.stage)
    note_broken(corpus.broken)
    _print(out, counts, time.monotonic() - started, corpus.broken, json=json)


def merge_counts(
    *counts: Path,
    out: Path,
    temp_dir: Path | None = None,
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """Add up files of counts; a shard that comes twice is refused.

    For example:

        primetone merge-counts counts/* --out all.counts

    Parameters
    ----------
    counts
        Files made by count or merge-counts, in any order.
    out
        The file to write; an older one is replaced in one step.
    temp_dir
        Where temporary files go if there are very many files; beside the output when not given.
    progress
        Show progress; on a terminal when not given.
    json
        Print the result as JSON.
    """
    from primetone.text.counts import WordCounts

    if not counts:
        raise UsageError("expected at least one file of counts")
    make_place(out)
    started = time.monotonic()
    merged = WordCounts.merge(counts, temp_dir=out.parent if temp_dir is None else temp_dir)
    with Progress(wanted=progress) as shown:
        merged.save(out, progress=shown.stage)
    _print(out, merged, time.monotonic() - started, (), json=json)


def note_broken(broken: tuple[tuple[str, str], ...]) -> None:
    """Say which files were left out, and why."""
    for path, problem in broken:
        print_note(f"left out {path}: {problem}")


def _print(
    out: Path,
    counts: object,
    seconds: float,
    broken: tuple[tuple[str, str], ...],
    *,
    json: bool,
) -> None:
    from primetone.text.counts import WordCounts

    assert isinstance(counts, WordCounts)
    if json:
        print_json(
            {
                "path": str(out),
                "split": counts.split,
                "unicode_version": counts.unicode_version,
                "num_words": len(counts),
                "num_pieces": counts.num_pieces,
                "num_bytes": counts.num_bytes,
                "fingerprint": counts.fingerprint,
                "shards": counts.shards,
                "left_out": [path for path, _ in broken],
                "seconds": seconds,
                "report": counts.report,
            }
        )
        return
    print(
        f"{out}: {count_words(len(counts), 'word')} of {counts.num_pieces:,} pieces "
        f"({size_words(counts.num_bytes)}) in {count_words(len(counts.shards), 'shard')}, "
        f"fingerprint {counts.fingerprint}, in {duration_words(seconds)}"
    )
