"""A directory for one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from primetone.errors import RunError


@contextlib.contextmanager
def held_alone(folder: Path, busy: str, *, waits: bool = False) -> Iterator[None]:
    """Hold `folder` (or a file) against other processes that ask to hold it; gone with this one.

    Errors: RunError, "`folder` `busy`: ...", where another process holds it, unless this one
    `waits`. Where there are no locks (a platform, a file system) the user has to see to it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise RunError(f"{folder} {busy}: wait for it, or stop it first") from None
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK):
                raise
        yield
    finally:
        os.close(descriptor)
