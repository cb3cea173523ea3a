"""A directory as one unit: it appears complete and verified, or not at all."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard

from primetone.errors import Error, FileError, FormatError
from primetone.files.failures import explained, file_error
from primetone.files.strict_json import read_json, write_json
from primetone.files.temporaries import (
    close_quietly,
    create_temporary,
    open_new_directory,
    retrying,
    sweep_stale,
    sync_directory,
    sync_file,
    temporary_path,
)

MANIFEST_NAME = "manifest.json"
_MANIFEST_FORMAT = "primetone-manifest"
_MANIFEST_VERSION = 1
_CHUNK_BYTES = 1 << 20
_DISK_FAILURES = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS),
    *(errno.EMFILE, errno.ENFILE),
)


class DirectoryCommit:
    """Write a directory so that it appears complete and verified under its name, or not at all.

    ``with DirectoryCommit(target) as folder:`` gives an empty temporary folder beside ``target``.
    On leaving, every file is synced, ``manifest.json`` (name, size and blake3 of each file) is
    written last, and the folder takes the name ``target``. On any error, Ctrl-C included, the
    temporary folder is removed and ``target`` is what it was. With ``overwrite=True`` an existing
    directory is replaced; otherwise FileError is raised before anything is written.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.target = Path(os.path.abspath(target))
        self.overwrite = overwrite
        self.known_hashes: dict[str, str] = {}
        """The blake3 of files by name, where a writer took it of what it wrote."""
        self._folder = Path()
        self._lock = -1

    def __enter__(self) -> Path:
        with explained(self.target, "create"):
            self._refuse_existing()
            self.target.parent.mkdir(parents=True, exist_ok=True)
            sweep_stale(self.target.parent, name=self.target.name)
            self._folder, self._lock = create_temporary(self.target, open_new_directory)
        return self._folder

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with explained(self.target, "write"):
                    self._commit()
            elif _is_foreign_disk_failure(error):
                raise file_error(error, self.target, "write") from error
            elif isinstance(error, FileError):
                raise error
        except FileError as failure:
            if str(self._folder) in str(failure):
                raise self._under_its_name(failure) from failure
            if failure is not error:
                raise
        finally:
            # After a commit the temporary name is gone and there is nothing left to remove.
            shutil.rmtree(self._folder, ignore_errors=True)
            close_quietly(self._lock)
            self._lock = -1

    def _under_its_name(self, error: FileError) -> FileError:
        """The same error, naming the directory that the user asked for, not the temporary one."""
        temporary, target = str(self._folder), str(self.target)
        return FileError(
            str(error).replace(temporary, target),
            errno=error.errno,
            filename=str(error.filename or "").replace(temporary, target) or None,
        )

    def _commit(self) -> None:
        files = sorted(_files_below(self._folder))
        entries = [
            {
                "name": name,
                "size": (self._folder / name).stat().st_size,
                "blake3": self.known_hashes.get(name) or hash_file(self._folder / name),
            }
            for name in files
        ]
        for name in files:
            sync_file(self._folder / name)
        for parent, _, _ in os.walk(self._folder, topdown=False):
            sync_directory(Path(parent))
        manifest = {
            "format": _MANIFEST_FORMAT,
            "version": _MANIFEST_VERSION,
            "files": entries,
            "blake3": _entries_hash(entries),
        }
        write_json(self._folder / MANIFEST_NAME, manifest)
        self._refuse_existing()
        if self.target.exists():
            _exchange(self._folder, self.target)
        else:
            retrying(os.rename, self._folder, self.target)
        sync_directory(self.target.parent)

    def _refuse_existing(self) -> None:
        if not os.path.lexists(self.target):
            return
        if not self.target.is_dir() or self.target.is_symlink():
            raise FileError(
                f"cannot create the directory {self.target}: something that is not a directory "
                "has this name; move it away or choose another name",
                errno=errno.ENOTDIR,
                filename=str(self.target),
            )
        if not self.overwrite:
            raise FileError(
                f"{self.target} exists already and is not overwritten; "
                "choose another name, or remove it first",
                errno=errno.EEXIST,
                filename=str(self.target),
            )


def remove_directory(directory: str | os.PathLike[str]) -> None:
    """Remove a directory; cut short, that leaves a temporary for a sweep and never half of it.

    Errors: FileError when it cannot be renamed; it is then untouched.
    """
    folder = Path(directory)
    doomed = _free_name(folder, "tmp")
    with explained(folder, "remove"):
        retrying(os.rename, folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def verify_manifest(directory: str | os.PathLike[str], *, skip: Collection[str] = ()) -> None:
    """Check that every file of a committed directory is present, with its size and its blake3.

    Names in ``skip`` are checked for presence and size only. Files that the manifest does not
    name are ignored. Errors: FormatError naming the first file that differs.
    """
    folder = Path(directory)
    for entry in read_manifest(folder):
        file = folder / entry["name"]
        with explained(file, "read"):
            try:
                status = file.lstat()
            except (FileNotFoundError, NotADirectoryError):
                raise FormatError(
                    f"{file} is missing though {MANIFEST_NAME} names it; "
                    f"restore {folder} from a copy or make it again"
                ) from None
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"{file}: expected a regular file, found something else")
        if status.st_size != entry["size"]:
            found = f"found {status.st_size:,}"
            raise FormatError(
                f"{file} is damaged: expected {entry['size']:,} bytes, {found}; "
                f"restore {folder} from a copy or make it again"
            )
        if entry["name"] not in skip and hash_file(file) != entry["blake3"]:
            raise FormatError(
                f"{file} is damaged: its content does not match its blake3 in {MANIFEST_NAME}; "
                f"restore {folder} from a copy or make it again"
            )


def read_manifest(directory: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The entries (name, size, blake3) of a committed directory's manifest, checked for form."""
    path = Path(directory) / MANIFEST_NAME
    if not path.is_file():
        raise FormatError(
            f"{directory} has no {MANIFEST_NAME}: expected a complete directory written by "
            "primetone; it is incomplete or something else"
        )
    tree = read_json(path)
    damaged = f"{path} is damaged or not a manifest"
    if not isinstance(tree, dict) or tree.get("format") != _MANIFEST_FORMAT:
        raise FormatError(f'{damaged}: expected "format": "{_MANIFEST_FORMAT}"')
    if type(tree.get("version")) is not int or tree["version"] != _MANIFEST_VERSION:
        raise FormatError(
            f"{path}: expected manifest version {_MANIFEST_VERSION}, found "
            f"{tree.get('version')!r}; a newer primetone may have written it"
        )
    if set(tree) != {"format", "version", "files", "blake3"} or not _are_entries(tree["files"]):
        raise FormatError(f"{damaged}: its entries are not names with size and blake3")
    entries: list[dict[str, Any]] = tree["files"]
    if tree["blake3"] != _entries_hash(entries):
        raise FormatError(f"{damaged}: its entries do not match its own blake3")
    return entries


def hash_file(path: str | os.PathLike[str]) -> str:
    """The blake3 of a file's content as 64 hexadecimal digits, read in pieces of 1 MiB."""
    from primetone._rust_tok import Blake3

    hasher = Blake3()
    with explained(Path(path), "read"), open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def _exchange(folder: Path, target: Path) -> None:
    """Put ``folder`` in the place of the existing directory ``target`` and remove the old one.

    Between the two renames the name is missing; a sweep puts the old directory back if we die.
    """
    aside = _free_name(target, "old")
    retrying(os.rename, target, aside)
    try:
        retrying(os.rename, folder, target)
    except BaseException:
        os.rename(aside, target)
        raise
    try:
        sync_directory(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _free_name(target: Path, kind: str) -> Path:
    names = (temporary_path(target, attempt, kind) for attempt in itertools.count())
    return next(path for path in names if not os.path.lexists(path))


def _is_foreign_disk_failure(error: BaseException) -> TypeGuard[OSError]:
    """A writer that is not ours (a library filling the folder) met a full or failing disk."""
    return (
        isinstance(error, OSError)
        and not isinstance(error, Error)
        and error.errno in _DISK_FAILURES
    )


def _files_below(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _are_entries(entries: Any) -> bool:
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and set(entry) == {"name", "size", "blake3"}
        and _is_safe_name(entry["name"])
        and type(entry["size"]) is int
        and entry["size"] >= 0
        and isinstance(entry["blake3"], str)
        for entry in entries
    )


def _is_safe_name(name: Any) -> bool:
    """A relative path that stays inside its directory."""
    if not isinstance(name, str) or not name or "\\" in name or "\0" in name:
        return False
    return all(part not in ("", ".", "..") for part in name.split("/")) and ":" not in name


def _entries_hash(entries: list[dict[str, Any]]) -> str:
    from primetone._rust_tok import blake3_hex

    return blake3_hex(json.dumps(entries, sort_keys=True).encode())
