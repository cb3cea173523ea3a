"""Documents to a corpus: files of many formats, each read in a guarded process, then cleaned."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from primetone.config import did_you_mean
from primetone.errors import ConfigError, TextError
from primetone.files import ScratchFolder, replacing, require_place
from primetone.text.arguments import num_threads
from primetone.text.ingestion.convert import Job, Tally
from primetone.text.ingestion.crew import Crew, Limits
from primetone.text.ingestion.filters import FILTERS, SETS, chosen_filters
from primetone.text.ingestion.formats import FORMATS, How
from primetone.text.ingestion.found import File, find_files
from primetone.text.ingestion.pdf import require_pdfium
from primetone.text.ingestion.report import Failure, IngestReport
from primetone.text.ingestion.rows import PER, Per
from primetone.text.memory import parse_bytes
from primetone.text.readers import ReaderOptions

__all__ = ["FILTERS", "SETS", "Failure", "IngestReport", "ingest"]

_CHUNK_BYTES = 1 << 20


def ingest(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    filters: str | Sequence[str] = "default",
    per: Per = "document",
    format: str | None = None,
    field: str = "text",
    encoding: str = "utf-8",
    on_error: Literal["skip", "stop"] = "skip",
    max_seconds: float = 60.0,
    max_memory: int | str = "2GiB",
    max_out: int | str = "1GiB",
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> IngestReport:
    """Write the text of documents to ``out``, rows of JSON: {"text": ..., "source": ...}.

    Each file is read in a process of its own, which a file that hangs, crashes or swells cannot
    leave. The rows are those of the files in order, whatever ``workers`` is. ``out`` appears
    complete or, on an error or Ctrl-C, not at all.

    Args:
        sources: files, folders and patterns; of folders, files whose names tell a format.
        filters: a set (none, default, classic), names to add, no-NAME to take away; see FILTERS.
        per: what a row is: the document, or each of its paragraphs, lines or sentences.
        format: that of all files, in place of what their names tell.
        field: the field of jsonl records, or the column of csv, that holds the text.
        encoding: that of text, jsonl, csv, and of pages that do not say theirs.
        on_error: leave out a file that cannot be read, whole, and report it; or stop at the first.
        max_seconds, max_memory, max_out: what one file may take, and the rows it may give, in
            seconds and bytes (or texts such as "2GiB").
        workers: files read side by side; as many as there are cores when None.
        progress: called with "ingest", bytes of files done, and bytes of all.

    Raises:
        ConfigError: an option that is none, or contradicts another.
        FileError: a file that is not there, or ``out`` that cannot be written.
        TextError: no text in any of the files; the first failure when ``on_error`` is "stop".
        MissingExtraError: there is a PDF among them, and no pypdfium2.
    """
    started = time.monotonic()
    chosen_filters(filters)
    if isinstance(filters, str):
        filters = filters.split(",")
    if per not in PER:
        raise ConfigError(f"per: unknown {per!r}; {did_you_mean(per, PER)}")
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format: unknown {format!r}; {did_you_mean(format, FORMATS)}")
    if on_error not in ("skip", "stop"):
        raise ConfigError(f'on_error: expected "skip" or "stop", found {on_error!r}')
    if encoding == "bytes":
        raise ConfigError("encoding: rows of JSON are text, found bytes: name an encoding")
    ReaderOptions(encoding=encoding, field=field)  # for its checks
    limits = Limits(
        seconds=max_seconds, memory=parse_bytes(max_memory) or 0, out=parse_bytes(max_out) or 0
    )
    num_workers = num_threads(workers)
    target = _target(out)
    found = find_files(sources, target, format)
    files = [file for file in found.files if isinstance(file, File)]
    if any(file.format == "pdf" for file in files):
        require_pdfium()
    scratch = ScratchFolder(target.parent, f"{target.name}.parts")
    try:
        jobs = [
            Job(
                path=file.path,
                format=file.format,
                filters=tuple(filters),
                per=per,
                how=How(encoding=encoding, field=field),
                out=str(scratch.path / str(number)),
                max_out_bytes=limits.out,
            )
            for number, file in enumerate(files)
        ]
        with Crew(min(num_workers, len(jobs)), limits) as crew, replacing(target) as temporary:
            total, failures = _gather(found.files, jobs, crew, temporary, on_error, progress)
    finally:
        scratch.close()
    return IngestReport(
        path=str(out),
        tally=total,
        num_files=len(found.files),
        num_empty=sum(file.num_bytes == 0 for file in files),
        num_skipped=found.num_skipped,
        num_repeated=found.num_repeated,
        failures=tuple(failures),
        seconds=time.monotonic() - started,
    )


def _gather(
    files: Sequence[File | Failure],
    jobs: Sequence[Job],
    crew: Crew,
    temporary: Path,
    on_error: str,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[Tally, list[Failure]]:
    """Have the jobs done and put their rows together, in the order of ``files``."""
    total = Tally()
    failures: list[Failure] = []
    num_bytes = sum(file.num_bytes for file in files if isinstance(file, File))
    done_bytes = 0
    results = zip(jobs, crew.results(jobs), strict=True)
    with open(temporary, "ab") as rows:
        for file in files:
            if isinstance(file, Failure):
                _note(file, failures, on_error)
                continue
            job, reply = next(results)
            if "full" in reply:
                raise OSError(reply["full"], os.strerror(reply["full"]))
            if "failure" in reply:
                _note(Failure(file.path, reply["failure"]), failures, on_error)
            else:
                total += Tally.of(reply["tally"])
                with open(job.out, "rb") as part:
                    shutil.copyfileobj(part, rows, _CHUNK_BYTES)
            Path(job.out).unlink(missing_ok=True)
            done_bytes += file.num_bytes
            if progress is not None:
                progress("ingest", done_bytes, num_bytes)
    if not total.num_rows:
        raise _nothing(files, failures)
    return total, failures


def _target(out: str | os.PathLike[str]) -> Path:
    target = Path(out)
    if target.suffix not in (".jsonl", ".ndjson"):
        raise ConfigError(
            f"out: expected a name that ends in .jsonl, by which the rows are read again, found "
            f"{target.name}"
        )
    require_place(target)
    return target


def _note(failure: Failure, failures: list[Failure], on_error: str) -> None:
    if on_error == "stop":
        raise TextError(f"{failure.path}: {failure.reason}")
    failures.append(failure)


def _nothing(files: Sequence[File | Failure], failures: Sequence[Failure]) -> TextError:
    if not failures:
        return TextError(
            f"there is no text in the {len(files)} files, or the filters left none of it: nothing "
            "was written"
        )
    path, reason = failures[0]
    more = f" ({len(failures)} of {len(files)} files failed)" if len(files) > 1 else ""
    return TextError(f"no file gave any text, nothing was written: {path}: {reason}{more}")
