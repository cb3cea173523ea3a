"""What the study's process and its workers say to each other: a JSON object a line, over pipes."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, final

GO_ON, END_IT = "go on", "end it"
"""Answers to the value of an evaluation."""


def send(pipe: BinaryIO, message: Mapping[str, Any]) -> None:
    """Write one message; a reader that is gone is noticed elsewhere."""
    with contextlib.suppress(BrokenPipeError, ValueError):
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()


@final
class Mailbox:
    """What comes to a worker by its standard input; its end is the order to stop.

    A study that is stopped closes the pipe, and so does the system when a study is killed: no
    worker is left behind. The worker then gets SIGTERM from itself, which a training takes as it
    takes any: it finishes the step, saves and ends. Outside of a training it just ends.
    """

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """The next message; None when there will be none."""
        return self._messages.get()

    def _read(self) -> None:
        # Not sys.stdin: Python waits for its lock when it ends, and this thread holds it.
        with os.fdopen(os.dup(0), "rb") as pipe:
            for line in pipe:
                self._messages.put(json.loads(line))
        self._messages.put(None)
        os.kill(os.getpid(), signal.SIGTERM)


def take_stdout() -> BinaryIO:
    """The pipe to the study; whatever libraries print goes to standard error from now on."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe
