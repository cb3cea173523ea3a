"""Stopping on purpose: the first Ctrl-C or SIGTERM lets the step finish, the second does not."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, final

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@final
class StopRequest:
    """While entered, remembers the first of these signals instead of raising there and then.

    Outside the main thread, where Python delivers no signals, it stays silent.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            # A handler that was not set from Python is not known, and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous.clear()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise_stop(number)
        self.signal = number


def raise_stop(number: int) -> NoReturn:
    """Leave as the signal asked: KeyboardInterrupt, or SystemExit with 128 + its number."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
