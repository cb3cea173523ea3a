"""The record of a run: one JSON object a line, on disk as soon as it is written.

Every line has `event` and `step` (steps done). `train` lines carry `tokens` seen so far,
`elapsed_seconds`, `loss` (nats per token, mean since the line before), `learning_rate`,
`gradient_norm` and `tokens_per_second`; `evaluate` lines what the evaluation returned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from primetone.errors import FileError, FormatError
from primetone.files import write_atomically

METRICS = "metrics.jsonl"
"""The name of the record in a run."""


@final
class MetricsLog:
    """Appends lines to `path`; the file appears with the first one."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, event: str, step: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Append one line and hand it back; it is in the file when this returns."""
        line = {"event": event, "step": step, **values}
        text = json.dumps(line, allow_nan=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise FileError(
                f"cannot write the metrics to {self.path}: {error.strerror}: free some space or "
                "check the permissions, then resume",
                errno=error.errno,
                filename=str(self.path),
            ) from error
        return line

    def keep_until(self, step: int) -> None:
        """Drop the lines after `step`, and a line that was cut off by a crash."""
        if not self.path.exists():
            return
        kept = [json.dumps(line) + "\n" for line in read_metrics(self.path) if line["step"] <= step]
        write_atomically(self.path, "".join(kept).encode())


def read_metrics(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a metrics file in order; a last line without its end is not one yet.

    Errors: FormatError naming the line that is damaged.
    """
    with Path(path).open("rb") as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                return
            try:
                line = json.loads(text)
            except ValueError:  # not JSON, or not UTF-8
                line = None
            if (
                not isinstance(line, dict)
                or "event" not in line
                or type(line.get("step")) is not int
            ):
                raise FormatError(
                    f"{path} is damaged: expected a JSON object with event and step in line "
                    f"{number:,}, found {text[:40]!r}; remove the line or restore the file"
                )
            yield line
