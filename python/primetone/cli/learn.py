"""`primetone learn`: text -> tokenizer.json."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from primetone.cli.console import (
    Progress,
    Texts,
    UsageError,
    count_words,
    duration_words,
    print_json,
    print_note,
    require_texts,
    size_words,
)


def learn(
    *texts: Texts,
    vocab_size: int | None = None,
    kind: Literal["bpe", "char", "word", "byte"] = "bpe",
    split: str = "gpt4",
    pattern: str | None = None,
    special: Annotated[list[str] | None, Parameter(name="--special")] = None,
    unknown: Literal["error", "<unk>"] = "error",
    out: Path = Path("tokenizer.json"),
    encoding: str = "utf-8",
    field: str = "text",
    threads: int | None = None,
    json: bool = False,
) -> None:
    """Learn a vocabulary from text and write it as tokenizer.json.

    For example:

        primetone learn book.txt notes/ --vocab-size 4096 --split gpt4 --out tokenizer.json

    Parameters
    ----------
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst), or - for standard input.
    vocab_size
        Entries of the vocabulary, for bpe and word (4096 when not given).
    kind
        bpe learns merges of bytes; char, word and byte are the plain kinds.
    split
        How text is cut into pieces: gpt2, gpt4, o200k, llama3, qwen2, tekken or none.
    pattern
        A regular expression of your own that matches the pieces, in place of a named split.
    special
        A special token; repeat for several. Each kind has its usual ones when none is given.
    unknown
        What a character outside the alphabet becomes (char): an error, or <unk>.
    out
        The file to write; an older one is replaced in one step.
    encoding
        The encoding of the texts.
    field
        The field of .jsonl records that holds the text.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    json
        Print the result as JSON.
    """
    from primetone.text.corpus import Corpus
    from primetone.text.tokenizer import Tokenizer

    if vocab_size is not None and kind in ("char", "byte"):
        raise UsageError(f"--vocab-size is for bpe and word; a {kind} vocabulary has its own size")
    if pattern is not None and kind not in ("bpe", "word"):
        raise UsageError(f"--pattern is for bpe and word; a {kind} tokenizer has no pieces")
    if unknown != "error" and kind != "char":
        raise UsageError(f"--unknown is for char; a {kind} tokenizer knows every byte")
    size = 4096 if vocab_size is None else vocab_size
    specials: dict[str, Any] = {} if special is None else {"specials": tuple(special)}
    pieces: dict[str, Any] = (
        {"split": split} if pattern is None else {"split": None, "pattern": pattern}
    )
    started = time.monotonic()
    corpus = Corpus.read(require_texts(texts), encoding=encoding, field=field)
    documents = corpus.texts()
    with Progress() as progress:
        progress.show("reading")
        if kind == "char":
            tokenizer = Tokenizer.characters(documents, unknown=unknown, **specials)
        elif kind == "byte":
            tokenizer = Tokenizer.bytes(**specials)
        else:
            make = Tokenizer.words if kind == "word" else Tokenizer.learn
            tokenizer = make(
                documents,
                vocab_size=size,
                threads=threads,
                progress=progress.stage,
                **pieces,
                **specials,
            )
    tokenizer.save(out)
    if kind in ("bpe", "word") and tokenizer.vocab_size < size:
        print_note(
            f"the text fills only {tokenizer.vocab_size:,} of the {size:,} tokens asked for; "
            "more text fills more"
        )
    seconds = time.monotonic() - started
    if json:
        print_json(
            {
                "path": str(out),
                "kind": tokenizer.kind,
                "vocab_size": tokenizer.vocab_size,
                "split": tokenizer.split,
                "fingerprint": tokenizer.fingerprint,
                "num_documents": corpus.num_documents,
                "num_bytes": corpus.num_bytes,
                "seconds": seconds,
                "report": tokenizer.learn_report,
            }
        )
        return
    print(
        f"{out}: {tokenizer.vocab_size:,} {tokenizer.kind} tokens, fingerprint "
        f"{tokenizer.fingerprint}, learned from {count_words(corpus.num_documents, 'document')} "
        f"({size_words(corpus.num_bytes)}) in {duration_words(seconds)}"
    )
