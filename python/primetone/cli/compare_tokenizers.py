"""`primetone compare-tokenizers`: two tokenizers on the same texts."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

from primetone.cli.console import Progress, Texts, print_json, print_table, require_texts

WIDEST_TOKENS = 60


def compare_tokenizers(
    first: Path,
    second: Path,
    /,
    *texts: Texts,
    encoding: str = "utf-8",
    field: str = "text",
    threads: int | None = None,
    show: int = 5,
    json: bool = False,
) -> None:
    """Compare two tokenizers on texts: tokens, bytes a token, speed, and where they differ.

    For example:

        primetone compare-tokenizers small.json cl100k.json book.txt

    Parameters
    ----------
    first
        A tokenizer.json (or .tiktoken, or merges.txt) file.
    second
        Another.
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst; .parquet), or - for standard
        input.
    encoding
        The encoding of the texts.
    field
        The field of .jsonl records, and the column of .parquet files, that holds the text.
    threads
        Threads to use; all cores when not given. Speed is that of encoding what is in memory.
    show
        How many of the first differences to show.
    json
        Print the result as JSON.
    """
    from primetone.text.readers import in_batches, read_documents
    from primetone.text.token_differences import can_be_compared, differences
    from primetone.text.token_view import visible
    from primetone.text.tokenizer import Tokenizer

    sources = require_texts(texts)
    paths = (first, second)
    loaded = (Tokenizer.load(first), Tokenizer.load(second))
    counts, seconds = [0, 0], [0.0, 0.0]
    num_bytes = 0
    differ: list[dict[str, Any]] = []
    can_be = can_be_compared(*loaded)
    documents = read_documents(sources, encoding=encoding, field=field)
    with Progress() as progress:
        for batch in in_batches(documents):
            data = [document.data for document in batch]
            num_bytes += sum(map(len, data))
            for number, tokenizer in enumerate(loaded):
                started = time.perf_counter()
                counts[number] += len(tokenizer.encode_batch(data, threads=threads).ids)
                seconds[number] += time.perf_counter() - started
            for document in batch:
                if not can_be or len(differ) >= show:
                    break
                found = islice(differences(*loaded, document.data), show - len(differ))
                differ += [
                    {
                        "document": document.name,
                        "byte": each.start,
                        "first": [visible(token) for token in each.first],
                        "second": [visible(token) for token in each.second],
                    }
                    for each in found
                ]
            progress.stage("encode", num_bytes, 0)
    rows = [
        {
            "path": str(path),
            "vocab_size": tokenizer.vocab_size,
            "num_tokens": count,
            "bytes_per_token": round(num_bytes / max(count, 1), 4),
            "mb_per_second": round(num_bytes / 1e6 / max(took, 1e-9), 1),
            "tokenizer_fingerprint": tokenizer.fingerprint,
        }
        for path, tokenizer, count, took in zip(paths, loaded, counts, seconds, strict=True)
    ]
    if json:
        shown = differ if can_be else None
        print_json({"num_bytes": num_bytes, "tokenizers": rows, "first_differences": shown})
        return
    table = [("tokenizer", "vocabulary", "tokens", "bytes a token", "MB/s")]
    for path, tokenizer, row in zip(paths, loaded, rows, strict=True):
        sizes = (f"{tokenizer.vocab_size:,}", f"{row['num_tokens']:,}")
        table.append(
            (str(path), *sizes, f"{row['bytes_per_token']:.2f}", f"{row['mb_per_second']:,.0f}")
        )
    print_table(table)
    if not can_be:
        print("\nwords of characters leave out white space: where they differ is not looked for")
    elif show > 0 and not differ:
        print("\nthe same tokens everywhere")
    elif differ:
        print("\nwhere they first differ:")
        print_table(
            (
                f"{place['document']}, byte {place['byte']:,}",
                _shortened(place["first"]),
                _shortened(place["second"]),
            )
            for place in differ
        )


def _shortened(tokens: list[str]) -> str:
    joined = "│".join(tokens)
    return joined if len(joined) <= WIDEST_TOKENS else joined[: WIDEST_TOKENS - 1] + "…"
