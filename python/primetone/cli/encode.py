"""`primetone encode`: text -> a token store, or ids on stdout."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from primetone.cli.console import (
    Progress,
    Texts,
    UsageError,
    count_words,
    duration_words,
    print_json,
    require_texts,
    size_words,
)

if TYPE_CHECKING:
    from primetone.text.readers import ReaderOptions
    from primetone.text.tokenizer import Tokenizer


def encode(
    tokenizer: Path,
    /,
    *texts: Texts,
    out: Path | None = None,
    encoding: str = "utf-8",
    field: str = "text",
    per: Literal["file", "line", "paragraph"] = "file",
    separator: str = "",
    shard: str | None = None,
    shards: int | None = None,
    threads: int | None = None,
    json: bool = False,
) -> None:
    """Encode text into a token store, or print the ids when no store is named.

    With --shards or --shard the store is made in parts: a part that is finished is kept when the
    command is given again, one that is not is begun again. Machines that have the same files can
    each make some of them; their directories copied into one are the store.

    For example:

        primetone encode tokenizer.json book.txt notes/ --out store
        primetone encode tokenizer.json corpus/ --out store --shards 16
        primetone encode tokenizer.json corpus/ --out store --shard 3/16
        echo hello | primetone encode tokenizer.json - | primetone decode tokenizer.json

    Parameters
    ----------
    tokenizer
        A tokenizer.json (or .tiktoken, or merges.txt) file.
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst; .parquet), or - for standard
        input.
    out
        The store to make: a new directory. Without it the ids go to stdout, a document a line.
    encoding
        The encoding of the texts.
    field
        The field of .jsonl records, and the column of .parquet files, that holds the text.
    per
        What one document is in plain text.
    separator
        What divides documents in plain text, such as <|endoftext|>; in place of --per.
    shard
        Make only shard i of n, written i/n and counted from 1.
    shards
        Make all of so many shards, one after the other.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    json
        Print the result as JSON.
    """
    from primetone.text.readers import ReaderOptions, read_documents
    from primetone.text.tokenizer import Tokenizer

    sources = require_texts(texts)
    options = ReaderOptions(encoding=encoding, field=field, per=per, separator=separator)
    if shard is not None or shards is not None:
        if out is None or (shard is not None and shards is not None):
            raise UsageError("expected --out with one of --shard and --shards")
        loaded = Tokenizer.load(tokenizer)
        _encode_shards(loaded, sources, options, out, shard, shards, threads, json=json)
        return
    loaded = Tokenizer.load(tokenizer)
    if out is None:
        documents = read_documents(
            sources, encoding=encoding, field=field, per=per, separator=separator
        )
        for document in documents:
            ids = loaded.encode_batch([document.data], threads=threads).ids.tolist()
            if json:
                print_json({"document": document.name, "ids": ids})
            else:
                sys.stdout.write(" ".join(map(str, ids)) + "\n")
        return
    from primetone.text.corpus import Corpus
    from primetone.text.store_writer import write_store

    corpus = Corpus.read(
        sources, encoding=encoding, field=field, per=per, separator=separator, once=True
    )
    started = time.monotonic()
    with Progress() as progress:
        store = write_store(out, corpus, loaded, threads=threads, progress=progress.stage)
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
        _sentence(out, store.num_tokens, store.num_documents, store.num_bytes)
        + f" in {duration_words(seconds)}"
    )


def _encode_shards(
    tokenizer: Tokenizer,
    sources: list[str],
    options: ReaderOptions,
    out: Path,
    one: str | None,
    num_shards: int | None,
    threads: int | None,
    *,
    json: bool,
) -> None:
    """One shard, or all of them; then say what is still missing."""
    from primetone.text.shards import Shard
    from primetone.text.sources import find_sources
    from primetone.text.store_parts import missing_words
    from primetone.text.store_writer import PartsWriter

    chosen = None if one is None else Shard.parse(one)
    of = chosen.of if chosen is not None else num_shards or 0
    wanted = [chosen] if chosen is not None else [Shard(n, of) for n in range(1, max(of, 1) + 1)]
    found = find_sources(sources, once=True).sources
    writer = PartsWriter(out, found, options, tokenizer, num_shards=of)
    rows = []
    for shard in wanted:
        started = time.monotonic()
        with Progress() as progress:
            part = writer.write(shard, threads=threads, progress=progress.stage)
        seconds = time.monotonic() - started
        rows.append(
            {
                "path": str(part.path),
                "shard": str(shard),
                "num_tokens": part.num_tokens,
                "num_documents": part.num_documents,
                "num_bytes": part.num_bytes,
                "was_there": part.was_there,
                "seconds": seconds,
            }
        )
        if not json:
            done = "was there" if part.was_there else f"in {duration_words(seconds)}"
            sentence = _sentence(part.path, part.num_tokens, part.num_documents, part.num_bytes)
            print(f"{sentence}, {done}", flush=True)
    finished = writer.finished()
    if json:
        print_json({"path": str(out), "num_finished": len(finished), "of": of, "shards": rows})
    elif len(finished) == of:
        print(f"{out}: all {count_words(of, 'shard')} there")
    else:
        missing = missing_words(writer.plan, finished)
        print(f"{out}: {len(finished)} of {of} shards there; missing {missing}")


def _sentence(path: Path, num_tokens: int, num_documents: int, num_bytes: int) -> str:
    return (
        f"{path}: {count_words(num_tokens, 'token')} from {count_words(num_documents, 'document')} "
        f"({size_words(num_bytes)}, {num_bytes / max(num_tokens, 1):.2f} bytes per token)"
    )
