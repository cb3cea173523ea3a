"""Errors of the operating system, told with path, reason and remedy."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from primetone.errors import Error, FileError


def file_error(
    error: OSError,
    path: str | os.PathLike[str],
    action: str,
    *,
    needed_bytes: int | None = None,
) -> FileError:
    """The FileError for ``error`` met while trying to ``action`` (a verb) ``path``."""
    code = error.errno
    folder = os.path.dirname(os.fspath(path)) or "."
    if code in (errno.ENOSPC, errno.EDQUOT):
        limit = "the disk is full" if code == errno.ENOSPC else "your disk quota is used up"
        need = "" if needed_bytes is None else f", {needed_bytes:,} bytes needed"
        detail = (
            f"{limit}{need}; free some space or choose another place. "
            "What was there before is unchanged"
        )
    elif code == errno.EFBIG:
        need = "" if needed_bytes is None else f" ({needed_bytes:,} bytes needed)"
        detail = (
            f"the file would exceed the largest size allowed to this process{need}; raise the "
            "limit (ulimit -f) or choose another file system. What was there before is unchanged"
        )
    elif code == errno.EIO:
        detail = "the device reported an input/output error; check the disk and try another one"
    elif code in (errno.EACCES, errno.EPERM):
        detail = "permission denied; change the permissions or choose another place"
    elif code == errno.EROFS:
        detail = "its file system is read-only; choose another place"
    elif code == errno.ENOENT and os.path.isdir(folder):
        detail = "there is no such file; check the spelling"
    elif code == errno.ENOENT:
        detail = f"the folder {folder} does not exist; create it or check the spelling"
    elif code == errno.ENAMETOOLONG:
        detail = "the name is too long for this file system; choose a shorter one"
    elif code in (errno.EISDIR, errno.ENOTDIR):
        detail = f"{error.strerror}; choose another name"
    elif code in (errno.EMFILE, errno.ENFILE):
        detail = "too many files are open; close some or raise the limit (ulimit -n)"
    else:
        detail = error.strerror or str(error)
    return FileError(f"cannot {action} {path}: {detail}", errno=code, filename=os.fspath(path))


@contextlib.contextmanager
def explained(path: Path, action: str, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn a plain OSError of the block into the FileError that names ``path``."""
    try:
        yield
    except OSError as error:
        if isinstance(error, Error) or error.errno is None:
            raise
        raise file_error(error, path, action, needed_bytes=needed_bytes) from error
