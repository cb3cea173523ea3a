"""`primetone encode`: text -> a token store, or ids on stdout."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from primetone.cli.console import (
    Progress,
    Texts,
    count_words,
    duration_words,
    print_json,
    require_texts,
    size_words,
)


def encode(
    tokenizer: Path,
    /,
    *texts: Texts,
    out: Path | None = None,
    encoding: str = "utf-8",
    field: str = "text",
    threads: int | None = None,
    json: bool = False,
) -> None:
    """Encode text into a token store, or print the ids when no store is named.

    For example:

        primetone encode tokenizer.json book.txt notes/ --out store
        echo hello | primetone encode tokenizer.json - | primetone decode tokenizer.json

    Parameters
    ----------
    tokenizer
        A tokenizer.json (or .tiktoken, or merges.txt) file.
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst), or - for standard input.
    out
        The store to make: a new directory. Without it the ids go to stdout, a document a line.
    encoding
        The encoding of the texts.
    field
        The field of .jsonl records that holds the text.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    json
        Print the result as JSON.
    """
    from primetone.text.readers import read_documents
    from primetone.text.tokenizer import Tokenizer

    sources = require_texts(texts)
    loaded = Tokenizer.load(tokenizer)
    documents = read_documents(sources, encoding=encoding, field=field)
    if out is None:
        for document in documents:
            ids = loaded.encode_batch([document.data], threads=threads).ids.tolist()
            if json:
                print_json({"document": document.name, "ids": ids})
            else:
                sys.stdout.write(" ".join(map(str, ids)) + "\n")
        return
    from primetone.text.store import write_store

    started = time.monotonic()
    with Progress() as progress:
        store = write_store(out, documents, loaded, threads=threads, progress=progress.stage)
    seconds = time.monotonic() - started
    if json:
        print_json(
            {
                "path": str(out),
                "num_tokens": store.num_tokens,
                "num_documents": store.num_documents,
                "num_bytes": store.num_bytes,
                "tokenizer_fingerprint": store.tokenizer_fingerprint,
                "seconds": seconds,
            }
        )
        return
    print(
        f"{out}: {store.num_tokens:,} tokens from {count_words(store.num_documents, 'document')} "
        f"({size_words(store.num_bytes)}, {store.num_bytes / max(store.num_tokens, 1):.2f} bytes "
        f"per token) in {duration_words(seconds)}"
    )
