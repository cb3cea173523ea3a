"""What an ingestion came to: files, texts, bytes, what each filter did, and the failures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

from primetone.text.ingestion.convert import Tally

__all__ = ["Failure", "IngestReport"]


class Failure(NamedTuple):
    """A file that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What was read and written.

    tally: texts found (one a file, or one for each record of jsonl and csv), those that the
    filters emptied, rows and bytes, and what each filter did. num_empty counts the files without a
    byte; num_skipped the files of folders whose names tell no format; num_repeated the files that
    were named again.
    """

    path: str
    tally: Tally
    num_files: int
    num_empty: int
    num_skipped: int
    num_repeated: int
    failures: tuple[Failure, ...]
    seconds: float

    def tree(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        tree = dataclasses.asdict(self)
        tally = tree.pop("tally")
        filters = tally.pop("removed")
        failures = [failure._asdict() for failure in self.failures]
        return {**tree, **tally, "filters": filters, "failures": failures}
