"""`primetone overlap`: what a validation text shares with a training text."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from primetone.cli.console import Progress, Texts, UsageError, count_words, print_json

if TYPE_CHECKING:
    from primetone.text.readers import Document


def overlap(
    train: Texts,
    validation: Texts | None = None,
    /,
    *,
    split_clean: Path | None = None,
    fraction: float = 0.1,
    usual: int = 10,
    likeness: float = 0.7,
    encoding: str = "utf-8",
    field: str = "text",
    per: Literal["file", "line", "paragraph"] = "file",
    separator: str = "",
    threads: int | None = None,
    json: bool = False,
) -> None:
    """Tell what a validation text shares with a training text, and how far apart they are.

    Exact copies of documents and lines, runs of characters and words, near duplicates, and the
    shift of words and characters. Of one text alone, its end is compared with the rest.

    For example:

        primetone overlap train/ validation/
        primetone overlap book.txt --fraction 0.1 --json
        primetone overlap notes/ --per paragraph --split-clean clean/

    Parameters
    ----------
    train
        The training text: a file, folder or glob.
    validation
        The validation text; the last part of the training text when not given.
    split_clean
        Of one text: a new folder for train.jsonl and validation.jsonl, divided so that documents
        that share 50 characters stay on one side.
    fraction
        The share of one text that validates.
    usual
        A run in more places than this is common (a phrase, a header, a licence), not a leak.
    likeness
        Shared five-word runs over all of two documents', from which they are near duplicates.
    encoding
        The encoding of the texts; bytes takes them as they are.
    field
        The field of .jsonl records that holds the text.
    per
        What one document is in plain text.
    separator
        What divides documents in plain text; in place of --per.
    threads
        Threads that compare; all cores when not given. They change nothing but the time.
    json
        Print the findings as JSON.
    """
    from primetone.evaluation.overlap import measure_overlap
    from primetone.evaluation.overlap import split_clean as divide
    from primetone.text.corpus import Corpus

    if split_clean is not None and validation is not None:
        raise UsageError("expected one text to divide by --split-clean, found two: join them")
    if usual < 1:
        raise UsageError(f"expected --usual of at least 1, found {usual}")
    if split_clean is not None and split_clean.exists():
        raise UsageError(f"expected a new folder for --split-clean, found {split_clean}")

    def read(text: str) -> Corpus:
        return Corpus.read(text, encoding=encoding, field=field, per=per, separator=separator)

    note = ""
    with Progress() as progress:
        corpus = read(train)
        if split_clean is not None:
            made = divide(
                corpus,
                fraction,
                usual=usual,
                likeness=likeness,
                threads=threads,
                say=progress.show,
            )
            _write(split_clean, made.train, made.validation)
            known, held = Corpus.from_texts(made.train), Corpus.from_texts(made.validation)
            note = (
                f"{count_words(len(made.train), 'document')} train, {len(made.validation):,} "
                f"validate, of {count_words(made.num_clusters, 'cluster')} (the largest of "
                f"{made.largest_cluster:,}), in {split_clean}"
            )
        elif validation is not None:
            known, held = corpus, read(validation)
        else:
            parts = corpus.split(fraction)
            known, held = parts.train, parts.validation
        found = measure_overlap(
            known, held, usual=usual, likeness=likeness, threads=threads, say=progress.show
        )
    if json:
        print_json(found.to_dict())
    else:
        print(f"{note}\n\n{found.table()}" if note else found.table())


def _write(folder: Path, train: list[Document], validation: list[Document]) -> None:
    """Both sides as JSON lines; the folder appears complete or not at all."""
    from primetone.errors import TextError
    from primetone.files import DirectoryCommit

    with DirectoryCommit(folder) as temporary:
        for name, side in (("train", train), ("validation", validation)):
            with open(temporary / f"{name}.jsonl", "w", encoding="utf-8") as file:
                for document in side:
                    try:
                        text = document.data.decode()
                    except UnicodeDecodeError as error:
                        raise TextError(
                            f"{document.name}: expected text in UTF-8 to write JSON lines, found "
                            f"byte 0x{document.data[error.start]:02x}: give its --encoding"
                        ) from None
                    record = {"name": document.name, "text": text}
                    file.write(json_text.dumps(record, ensure_ascii=False) + "\n")
