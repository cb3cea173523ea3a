"""`primetone ingest`: documents of many formats -> a corpus as rows of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from primetone.cli.console import (
    Progress,
    ShowProgress,
    Texts,
    UsageError,
    count_words,
    duration_words,
    print_json,
    print_note,
    print_table,
    size_words,
)

if TYPE_CHECKING:
    from primetone.text.ingestion import IngestReport


def ingest(
    *documents: Texts,
    out: Path,
    filter: Annotated[list[str] | None, Parameter(name="--filter")] = None,
    per: Literal["document", "paragraph", "line", "sentence"] = "document",
    format: str | None = None,
    field: str = "text",
    encoding: str = "utf-8",
    on_error: Literal["skip", "stop"] = "skip",
    max_seconds: float = 60.0,
    max_memory: str = "2GiB",
    max_out: str = "1GiB",
    workers: int | None = None,
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """Make a corpus of documents: txt, md, html, jsonl, csv, docx, epub, pdf, source code.

    Each file is read in a process of its own with limits. One that cannot be read is left out and
    named with the reason; the exit code is then 1, though the corpus is written.

    For example:

        primetone ingest notes/*.pdf book.epub page.html --out corpus.jsonl
        primetone ingest library/ --filter unwrap,no-gutenberg --per sentence --out corpus.jsonl
        primetone learn corpus.jsonl --vocab-size 8192

    Parameters
    ----------
    documents
        Files, folders or globs. Of a folder, what has a name that tells a format.
    out
        The corpus: a .jsonl file of rows {"text": ..., "source": ...}; an older one is replaced in
        one step.
    filter
        How the text is cleaned: a set (default, pages, classic or none), then names to add and
        no-NAME to take away, with commas; docs/ingest.md has examples. Names: page-heads,
        line-ends, compounds, hyphens, controls, gutenberg, camel-case, junk-lines, merge-lines,
        unwrap, short-lines, letters, lower-case, spaces, repeats, blank-lines.
    per
        What a row is; each is a document to learn, encode and train.
    format
        The format of all files (text, html, jsonl, csv, docx, epub, pdf), whatever their names.
    field
        The field of .jsonl records, or the column of .csv, that holds the text.
    encoding
        The encoding of text, and of pages that do not say theirs.
    on_error
        stop ends at the first file that cannot be read, and nothing is written.
    max_seconds
        Time for each file.
    max_memory
        Memory for each file, such as 2GiB.
    max_out
        The largest text that one file may give.
    workers
        Files read side by side; as many as there are cores when not given. The result does not
        depend on it.
    progress
        Show progress; on a terminal when not given.
    json
        Print the report as JSON.
    """
    from primetone.errors import TextError
    from primetone.text.ingestion import ingest as ingest_documents

    if not documents:
        raise UsageError("expected at least one document: a file, folder or glob")
    words = ",".join(filter) if filter else "default"
    with Progress(wanted=progress) as shown:
        report = ingest_documents(
            documents,
            out,
            filters=words,
            per=per,
            format=format,
            field=field,
            encoding=encoding,
            on_error=on_error,
            max_seconds=max_seconds,
            max_memory=max_memory,
            max_out=max_out,
            workers=workers,
            progress=lambda stage, done, total: shown.show(
                f"{stage} {100 * done / max(total, 1):3.0f} % of {size_words(total)}"
            ),
        )
    if json:
        print_json(report.tree())
    else:
        _print(report)
    for path, reason in report.failures:
        print_note(f"left out {path}: {reason}")
    if report.failures:
        raise TextError(
            f"{len(report.failures)} of {count_words(report.num_files, 'file')} could not be read "
            f"and are left out; the text of the others is in {out}"
        )


def _print(report: IngestReport) -> None:
    tally = report.tally
    print(
        f"{report.path}: {count_words(tally.num_rows, 'row')} "
        f"({size_words(tally.num_bytes_out)}) from {count_words(tally.num_texts, 'document')} in "
        f"{count_words(report.num_files, 'file')} ({size_words(tally.num_bytes_in)}) in "
        f"{duration_words(report.seconds)}"
    )
    left = {
        "could not be read": len(report.failures),
        "without a byte": report.num_empty,
        "with names that tell no format": report.num_skipped,
        "named more than once": report.num_repeated,
    }
    for words, count in left.items():
        if count:
            print(f"  left out: {count_words(count, 'file')} {words}")
    if tally.num_emptied:
        print(f"  left out: {count_words(tally.num_emptied, 'document')} emptied by the filters")
    rows = [("filter", "acted", "characters")]
    rows += [
        (name, f"{one.times:,}", f"{-one.characters:+,}" if one.characters else "0")
        for name, one in tally.removed.items()
    ]
    print_table(rows, indent=2)
