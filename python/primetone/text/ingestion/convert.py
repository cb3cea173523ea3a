"""One file to rows of a corpus: read, cleaned, divided, written; and what that came to."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from primetone.errors import TextError
from primetone.text.ingestion.filters import Removed, chosen_filters, clean
from primetone.text.ingestion.formats import How, extracts
from primetone.text.ingestion.rows import Per, rows

__all__ = ["Job", "Tally", "convert"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A file to convert, how, and where its rows go; all of it can be written as JSON."""

    path: str
    format: str
    filters: tuple[str, ...]
    per: Per
    how: How
    out: str
    max_out_bytes: int

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Job:
        """What `dataclasses.asdict` took apart."""
        changed = {"how": How(**tree["how"]), "filters": tuple(tree["filters"])}
        return cls(**{**tree, **changed})


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What converting files came to; tallies of several add up."""

    num_texts: int = 0
    num_emptied: int = 0
    num_rows: int = 0
    num_bytes_in: int = 0
    num_bytes_out: int = 0
    removed: Mapping[str, Removed] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Tally:
        """What `dataclasses.asdict` took apart."""
        removed = {name: Removed(**one) for name, one in tree["removed"].items()}
        return cls(**{**tree, "removed": removed})

    def __add__(self, other: Tally) -> Tally:
        removed = dict(self.removed)
        for name, one in other.removed.items():
            removed[name] = removed.get(name, Removed()) + one
        return Tally(
            num_texts=self.num_texts + other.num_texts,
            num_emptied=self.num_emptied + other.num_emptied,
            num_rows=self.num_rows + other.num_rows,
            num_bytes_in=self.num_bytes_in + other.num_bytes_in,
            num_bytes_out=self.num_bytes_out + other.num_bytes_out,
            removed=removed,
        )


def convert(job: Job) -> Tally:
    """Write the rows of the file of ``job`` and say what was done.

    Errors: those of `extracts`; TextError for a file with bytes but without text, and for rows
    beyond the limit of the job; OSError when the rows cannot be written.
    """
    total = Tally(num_bytes_in=os.path.getsize(job.path))
    with open(job.out, "xb") as out:
        for extract in extracts(job.path, job.format, job.how):
            if not extract.text.strip():
                continue
            # a file name need not be valid text, a corpus has to be
            name = os.fsencode(extract.name).decode(errors="replace")
            chosen = chosen_filters(job.filters, has_pages=extract.has_pages)
            text, removed = clean(extract.text, chosen)
            num_rows = num_bytes = 0
            for row in rows(text, job.per):
                tree = {"text": row, "source": name}
                line = json.dumps(tree, ensure_ascii=False).encode() + b"\n"
                num_rows += 1
                num_bytes += len(line)
                if total.num_bytes_out + num_bytes > job.max_out_bytes:
                    raise TextError(
                        f"its text is larger than {job.max_out_bytes:,} bytes, the limit for one "
                        "file; raise it if that is what you expect"
                    )
                out.write(line)
            total += Tally(
                num_texts=1,
                num_emptied=int(not num_rows),
                num_rows=num_rows,
                num_bytes_out=num_bytes,
                removed=removed,
            )
    if not total.num_texts and total.num_bytes_in:
        raise TextError("there is no text in it")
    return total
