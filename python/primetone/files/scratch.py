"""A folder for work that is too large for memory: gone when it is no longer needed."""

from __future__ import annotations

import os
import shutil
import weakref
from pathlib import Path

from primetone.files.failures import explained
from primetone.files.temporaries import (
    close_quietly,
    create_temporary,
    open_new_directory,
    sweep_stale,
)


class ScratchFolder:
    """An empty folder in ``parent``, removed with its content by `close`, or with this object.

    What a killed process left there is removed by the next one that makes such a folder.
    Errors: FileError when it cannot be made.
    """

    def __init__(self, parent: str | os.PathLike[str], name: str) -> None:
        with explained(Path(parent), "create a temporary folder in"):
            sweep_stale(parent, name=name)
            self.path, lock = create_temporary(Path(parent).absolute() / name, open_new_directory)
        self._remove = weakref.finalize(self, _remove, self.path, lock, os.getpid())

    def close(self) -> None:
        """Remove the folder now."""
        self._remove()


def _remove(path: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # a fork has a copy of this object, but not the folder
        shutil.rmtree(path, ignore_errors=True)
    close_quietly(lock)
