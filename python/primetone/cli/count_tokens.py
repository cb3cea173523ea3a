"""`primetone count-tokens`: how many tokens texts have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from primetone.cli.console import (
    Progress,
    Texts,
    count_words,
    print_json,
    print_table,
    require_texts,
)

SUMS = ("num_documents", "num_bytes", "num_tokens")


def count_tokens(
    tokenizer: Path,
    /,
    *texts: Texts,
    encoding: str = "utf-8",
    field: str = "text",
    threads: int | None = None,
    json: bool = False,
) -> None:
    """Count the tokens of texts: a line a file, and the sum.

    For example:

        primetone count-tokens tokenizer.json book.txt notes/

    Parameters
    ----------
    tokenizer
        A tokenizer.json (or .tiktoken, or merges.txt) file.
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst; .parquet), or - for standard
        input.
    encoding
        The encoding of the texts.
    field
        The field of .jsonl records, and the column of .parquet files, that holds the text.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    json
        Print the result as JSON.
    """
    from primetone.text.readers import ReaderOptions, in_batches, read_source
    from primetone.text.sources import find_sources
    from primetone.text.tokenizer import Tokenizer

    sources = find_sources(require_texts(texts)).sources
    options = ReaderOptions(encoding=encoding, field=field)
    loaded = Tokenizer.load(tokenizer)
    rows: list[dict[str, Any]] = []
    with Progress() as progress:
        for number, source in enumerate(sources):
            progress.show(f"{source.path} ({number + 1} of {len(sources)})")
            row: dict[str, Any] = {"path": source.path, **dict.fromkeys(SUMS, 0)}
            for batch in in_batches(read_source(source, options)):
                data = [document.data for document in batch]
                row["num_documents"] += len(data)
                row["num_bytes"] += sum(map(len, data))
                row["num_tokens"] += int(loaded.count_batch(data, threads=threads).sum())
            rows.append(row)
    sums: dict[str, Any] = {key: sum(row[key] for row in rows) for key in SUMS}
    for row in (*rows, sums):
        row["bytes_per_token"] = round(row["num_bytes"] / max(row["num_tokens"], 1), 4)
    if json:
        print_json({"tokenizer_fingerprint": loaded.fingerprint, "files": rows, "total": sums})
        return
    shown = rows if len(rows) == 1 else [*rows, {"path": "total", **sums}]
    print_table(
        (
            f"{row['num_tokens']:,}",
            row["path"],
            f"{count_words(row['num_bytes'], 'byte')}, {row['bytes_per_token']:.2f} a token",
        )
        for row in shown
    )
