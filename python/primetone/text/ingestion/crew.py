"""Worker processes that convert files side by side, with results in the order of the files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from primetone.errors import ConfigError, InternalError
from primetone.text.ingestion.convert import Job
from primetone.text.ingestion.worker import READY

__all__ = ["Crew", "Limits"]

_CHUNK_BYTES = 1 << 16
_LEAST_MEMORY = 128 << 20
_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from primetone.text.ingestion.worker import serve; serve()"
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What reading one file may take: seconds, address space in bytes, rows in bytes."""

    seconds: float = 60.0
    memory: int = 2 << 30
    out: int = 1 << 30

    def __post_init__(self) -> None:
        if not 0 < self.seconds < 1e6:
            raise ConfigError(f"max_seconds: expected a time above 0, found {self.seconds!r}")
        if self.memory < _LEAST_MEMORY:
            raise ConfigError(
                f"max_memory: expected at least {_LEAST_MEMORY >> 20}MiB, which a reader needs to "
                f"begin with, found {self.memory:,} bytes"
            )


class Crew:
    """Up to ``size`` worker processes; leaving the block ends them at once, whatever they do.

    They are sessions of their own, so that Ctrl-C at a terminal comes to their starter alone.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        if not sys.executable:
            raise ConfigError("ingestion starts Python processes: found no path to Python")
        self._limits = limits
        self._size = size
        self._workers: list[_Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()

    def results(self, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
        """The reply to each job, in their order."""
        done: dict[int, dict[str, Any]] = {}
        working: dict[_Worker, int] = {}
        num_given = 0
        with selectors.DefaultSelector() as selector:
            for number in range(len(jobs)):
                while number not in done:
                    while num_given < len(jobs) and len(working) < self._size:
                        worker = self._idle(working)
                        worker.give(jobs[num_given], self._limits)
                        working[worker] = num_given
                        selector.register(worker.replies, selectors.EVENT_READ, worker)
                        num_given += 1
                    for key, _ in selector.select():
                        reply = key.data.take()
                        if reply is None:
                            continue
                        selector.unregister(key.fileobj)
                        done[working.pop(key.data)] = reply
                        if key.data.is_gone:
                            self._workers.remove(key.data)
                yield done.pop(number)

    def _idle(self, working: dict[_Worker, int]) -> _Worker:
        for worker in self._workers:
            if worker not in working:
                return worker
        worker = _Worker()
        self._workers.append(worker)
        return worker


class _Worker:
    """One process and what it has said so far."""

    def __init__(self) -> None:
        self._buffer = b""
        self._has_begun = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self.replies = self._process.stdin, self._process.stdout
        self.is_gone = False

    def give(self, job: Job, limits: Limits) -> None:
        """Hand over a job; nothing else may be waiting."""
        request = {
            "job": dataclasses.asdict(job),
            "max_seconds": limits.seconds,
            "max_memory": limits.memory,
        }
        with contextlib.suppress(BrokenPipeError):  # it is gone, as its reply will say
            self._requests.write(json.dumps(request).encode() + b"\n")

    def take(self) -> dict[str, Any] | None:
        """The reply, as far as one is complete; to be called when there is something to read."""
        chunk = os.read(self.replies.fileno(), _CHUNK_BYTES)
        self._buffer += chunk
        if not self._has_begun and self._buffer.startswith(READY):
            self._has_begun = True
            self._buffer = self._buffer.removeprefix(READY)
        if not chunk:
            self.kill()
            if not self._has_begun:
                raise InternalError("a process that was to read documents did not start")
            return {"failure": "the process that was to read it was killed, perhaps for memory"}
        if not self._has_begun or not self._buffer.endswith(b"\n"):
            return None
        reply: dict[str, Any] = json.loads(self._buffer)
        self._buffer = b""
        return reply

    def kill(self) -> None:
        """End it, and what it started, at once."""
        self.is_gone = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._requests, self.replies):
            with contextlib.suppress(OSError):
                stream.close()
