"""The workers of a study: started, heard, answered, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast, final

from primetone.tuning.messages import send
from primetone.tuning.places import log_path

GRACE_SECONDS = 10.0
"""To finish a step and save, before a worker that was told to stop is killed."""
SPIN = {"GOMP_SPINCOUNT": "10000"}
"""Idle threads of torch go to sleep sooner: they would take the cores of other workers."""


class Heard(NamedTuple):
    """A message of the worker in a slot; None is its end."""

    slot: int
    message: dict[str, Any] | None


@final
class Crew:
    """Worker processes in numbered slots, each with its share of threads and its GPU, if any.

    They are in sessions of their own, so that Ctrl-C reaches the study alone. Leaving the context
    stops them, by an error at once.
    """

    def __init__(self, folder: Path, *, threads: int, devices: Sequence[str] = ()) -> None:
        self.folder = folder
        self.threads = threads
        self.devices = devices
        self._members: dict[int, subprocess.Popen[bytes]] = {}
        self._heard: queue.Queue[Heard] = queue.Queue()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members.values():
            member.kill()
        for slot in list(self._members):
            self._bury(slot)

    def start(self, slot: int) -> None:
        """A new process in a slot that is free."""
        environment = {**SPIN, **os.environ}
        if self.devices:
            environment["CUDA_VISIBLE_DEVICES"] = self.devices[slot % len(self.devices)]
        log_path(self.folder, slot).parent.mkdir(exist_ok=True)
        words = ["-P", "-m", "primetone.tuning.worker", str(self.folder), str(self.threads)]
        with log_path(self.folder, slot).open("ab") as log:
            member = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._members[slot] = member
        threading.Thread(target=self._listen, args=(slot, member.stdout), daemon=True).start()

    def next(self, seconds: float) -> Heard | None:
        """What is heard next; None if nothing is in that time."""
        try:
            return self._heard.get(timeout=seconds)
        except queue.Empty:
            return None

    def tell(self, slot: int, message: Mapping[str, Any]) -> None:
        """Send a message to the worker in a slot."""
        member = self._members[slot]
        assert member.stdin is not None
        send(cast("Any", member.stdin), message)

    def dismiss(self, slot: int) -> None:
        """Nothing more to do for the worker in a slot."""
        member = self._members[slot]
        assert member.stdin is not None
        with contextlib.suppress(OSError):
            member.stdin.close()

    def last_words(self, slot: int) -> str:
        """How the process in a slot ended, after its end was heard."""
        code = self._bury(slot)
        lines = log_path(self.folder, slot).read_text("utf-8", "replace").strip().splitlines()
        if code < 0:
            by_whom = " (by a person, or by the system for want of memory)" if code == -9 else ""
            return f"its process was ended by signal {-code}{by_whom}"
        return f"its process ended with code {code}: {lines[-1] if lines else 'without a word'}"

    def stop(self) -> list[Heard]:
        """Have all finish their step, save and end; what they said before."""
        for slot in self._members:
            self.dismiss(slot)
        deadline = time.monotonic() + GRACE_SECONDS
        for slot, member in list(self._members.items()):
            try:
                member.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.kill()
            self._bury(slot)
        heard = []
        while (one := self.next(0.05)) is not None:
            heard.append(one)
        return heard

    def _bury(self, slot: int) -> int:
        member = self._members.pop(slot)
        code = member.wait()
        if member.stdin is not None:
            with contextlib.suppress(OSError):
                member.stdin.close()
        return code

    def _listen(self, slot: int, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                # half a line is what a killed process leaves
                if line.endswith(b"\n"):
                    self._heard.put(Heard(slot, json.loads(line)))
        self._heard.put(Heard(slot, None))


def cores() -> int:
    """CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def cuda_devices(wanted: str) -> list[str]:
    """The GPUs to share out among workers where `train.device` is `wanted`; maybe none."""
    if wanted not in ("auto", "cuda"):
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(n) for n in range(torch.cuda.device_count())]
