"""Temporary names beside a target: made, locked while their writer lives, swept when it died."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # a platform without advisory locks: nothing is swept there
    fcntl = None  # type: ignore[assignment]

_MAX_NAME_BYTES = 255
# ".tmp" is unfinished work; ".old" is a complete directory set aside while it is being replaced.
_TEMPORARY_NAME = re.compile(r"\.(?P<name>.+)\.\d+(?:-\d+)?\.(?P<kind>tmp|old)", re.DOTALL)


def sweep_stale(directory: str | os.PathLike[str], *, name: str | None = None) -> list[Path]:
    """Remove the temporaries that killed writers left in ``directory``; return what was removed.

    Only names that this module makes are touched, and only while no living writer holds them.
    ``name`` restricts the sweep to temporaries of one target. A directory that was set aside
    while being replaced is put back when the replacement never arrived.
    """
    folder = Path(directory)
    removed = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    for candidate in names:
        match = _TEMPORARY_NAME.fullmatch(candidate)
        if match is None or (name is not None and match["name"] != _shortened(name)):
            continue
        path = folder / candidate
        lock = _lock_if_free(path)
        if lock < 0:
            continue
        with contextlib.suppress(OSError):
            original = folder / match["name"]
            if match["kind"] == "old" and not original.exists():
                os.rename(path, original)
            elif path.is_dir():
                shutil.rmtree(path)
                removed.append(path)
            else:
                path.unlink()
                removed.append(path)
        close_quietly(lock)
    return removed


def create_temporary(target: Path, create: Callable[[Path], int]) -> tuple[Path, int]:
    """A new temporary beside ``target``, locked; ``create`` makes it and opens it, or fails."""
    for attempt in itertools.count():
        path = temporary_path(target, attempt)
        try:
            descriptor = create(path)
        except FileExistsError:  # left by a process that had our id, or in use by another thread
            continue
        _lock(descriptor)
        if _is_same(descriptor, path):
            return path, descriptor
        os.close(descriptor)  # a sweep took it between its creation and our lock
    raise AssertionError("unreachable")


def open_new_directory(path: Path) -> int:
    os.mkdir(path)
    return os.open(path, os.O_RDONLY) if os.name != "nt" else -1


def temporary_path(target: Path, attempt: int, kind: str = "tmp") -> Path:
    suffix = f".{os.getpid()}{f'-{attempt}' if attempt else ''}.{kind}"
    return target.with_name(f".{_shortened(target.name)}{suffix}")


def _shortened(name: str) -> str:
    """``name``, cut so that the longest temporary name made of it still fits a file system."""
    room = _MAX_NAME_BYTES - 32
    return os.fsdecode(os.fsencode(name)[:room])


def _lock(descriptor: int) -> None:
    """Lock against sweeps; a file system without locks is never swept, so that is fine too."""
    if fcntl is not None and descriptor >= 0:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_same(descriptor: int, path: Path) -> bool:
    if descriptor < 0:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _lock_if_free(path: Path) -> int:
    """An open descriptor that locks ``path``, or -1 when its writer lives or cannot be known."""
    if fcntl is None or path.is_symlink():
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return -1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return -1
    if not _is_same(descriptor, path):  # its writer finished meanwhile; the name may be another's
        os.close(descriptor)
        return -1
    return descriptor


def retrying(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call again when a signal interrupted; Python does so itself for most calls, not renames."""
    while True:
        try:
            return call(*arguments)
        except InterruptedError:
            continue


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in ``path`` durable, where the platform can sync a directory at all."""
    if os.name == "nt":
        return
    try:
        sync_file(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def close_quietly(descriptor: int) -> None:
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
