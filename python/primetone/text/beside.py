"""Reading ahead and writing behind, each on a thread of its own, while this one works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

_T = TypeVar("_T")
_END: Any = object()


class Beside:
    """``ahead`` takes the next item while this one is used; ``behind`` does one thing at a time.

    Errors of either come up here. Unless ``is_on`` everything is done at once, on this thread.
    """

    def __init__(self, *, is_on: bool) -> None:
        self._readers = ThreadPoolExecutor(1) if is_on else None
        self._writers = ThreadPoolExecutor(1) if is_on else None
        self._written: Future[None] | None = None

    def __enter__(self) -> Beside:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._wait()
        finally:
            for pool in (self._readers, self._writers):
                if pool is not None:
                    pool.shutdown(cancel_futures=True)

    def ahead(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items, each made while the one before is used."""
        if self._readers is None:
            yield from items
            return
        iterator = iter(items)
        coming = self._readers.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = self._readers.submit(next, iterator, _END)
            yield item

    def behind(self, work: Callable[[_T], None], item: _T) -> None:
        """Have ``work(item)`` done, after what was asked for before."""
        if self._writers is None:
            work(item)
            return
        self._wait()
        self._written = self._writers.submit(work, item)

    def _wait(self) -> None:
        if self._written is not None:
            self._written.result()
            self._written = None
