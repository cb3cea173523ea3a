"""One file, written so that a crash leaves the old version or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from primetone.errors import FileError
from primetone.files.failures import explained
from primetone.files.temporaries import create_temporary, retrying, sweep_stale, sync_directory

MOST_LINKS = 40


def write_atomically(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> None:
    """Write ``data`` to ``path`` so that a crash leaves the old file or the new one, never a mix.

    ``data`` may be an iterable of pieces, written as they come. Of a symbolic link at ``path`` the
    file behind it is replaced. Errors: FileError with errno and path; the old file is then
    untouched and no temporary file is left.
    """
    is_whole = isinstance(data, bytes | bytearray | memoryview)
    pieces: Iterable[bytes] = (data,) if is_whole else data  # type: ignore[assignment]
    needed_bytes = memoryview(data).nbytes if is_whole else None  # type: ignore[arg-type]
    with _replacing(Path(path), needed_bytes) as (_, descriptor):
        for piece in pieces:
            _write_all(descriptor, piece)


def require_place(path: str | os.PathLike[str]) -> None:
    """FileError now where writing ``path`` would fail later: no folder, no permission, no file."""
    with explained(Path(path), "write"):
        target = _behind_links(Path(path))
        _refuse_special_file(target)
        with tempfile.TemporaryFile(dir=target.parent):
            pass


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file for a writer that wants a name; it becomes ``path`` when the block ends.

    The promises are those of `write_atomically`. An error of the block that names the temporary
    file and has an errno is told of ``path``.
    """
    with _replacing(Path(path), None) as (temporary, _):
        try:
            yield temporary
        except FileError as error:
            if error.filename != str(temporary) or error.errno is None:
                raise
            raise OSError(error.errno, os.strerror(error.errno)) from error


@contextlib.contextmanager
def _replacing(target: Path, needed_bytes: int | None) -> Iterator[tuple[Path, int]]:
    with explained(target, "write", needed_bytes):
        target = _behind_links(target)
        _refuse_special_file(target)
        sweep_stale(target.parent, name=target.name)
        temporary, descriptor = create_temporary(target, _open_new_file)
        try:
            yield temporary, descriptor
            os.fsync(descriptor)
            # Some file systems report a lost write only on close. Closing a duplicate asks for
            # that report while the original still holds the lock against a sweep.
            os.close(os.dup(descriptor))
            retrying(os.replace, temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        sync_directory(target.parent)


def _behind_links(target: Path) -> Path:
    """The file that a name leads to; what renaming puts in place of a link would leave that file.

    Links of the system to what is open in a process (``/dev/stdout``) lead to no name of a file.
    """
    for _ in range(MOST_LINKS):
        if os.path.realpath(target.parent).startswith("/proc/"):
            raise _special(target, "a device or a pipe")
        if not target.is_symlink():
            return target
        target = target.parent / os.readlink(target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _refuse_special_file(target: Path) -> None:
    """Renaming over a device or a pipe would destroy it; over a directory, fail late."""
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode):
        raise _special(target, "a directory" if stat.S_ISDIR(mode) else "a device or a pipe")


def _special(target: Path, kind: str) -> FileError:
    return FileError(
        f"cannot write {target}: expected a file name, found {kind}; choose another name",
        errno=errno.EISDIR if kind == "a directory" else errno.EINVAL,
        filename=str(target),
    )


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data).cast("B")
    while rest.nbytes:
        rest = rest[os.write(descriptor, rest) :]


def _open_new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
