"""Data that is prepared once and then trained on by many runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from primetone.contracts import Window
from primetone.families import family
from primetone.files import MANIFEST_NAME, DirectoryCommit, read_manifest
from primetone.recipe import Recipe
from primetone.run.data import (
    TOKENIZER,
    DataRecord,
    RunData,
    Sources,
    StageProgress,
    open_data,
    prepare_data,
    read_record,
    require_tokens,
)
from primetone.text.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """The tokenizer and the stores of a recipe's data, in a folder of their own."""

    path: Path

    @classmethod
    def create(
        cls,
        path: Path,
        recipe: Recipe,
        sources: Sources,
        *,
        validation: Sources | None = None,
        tokenizer: Tokenizer | None = None,
        progress: StageProgress | None = None,
    ) -> PreparedData:
        """Learn, encode and write into `path`, which appears complete or not at all."""
        with DirectoryCommit(path) as temporary:
            found = prepare_data(
                temporary,
                recipe,
                sources,
                window=family(recipe.family).window(recipe.model),
                validation=validation,
                tokenizer=tokenizer,
                progress=progress,
            )
            found.save(temporary / TOKENIZER)
        return cls(path=path)

    def is_there(self) -> bool:
        """Whether `create` has been here and finished."""
        return (self.path / MANIFEST_NAME).is_file()

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the data is of."""
        return Tokenizer.load(self.path / TOKENIZER)

    def record(self) -> DataRecord:
        """Where the data came from."""
        return read_record(self.path)

    def open(self) -> RunData:
        """The streams, checked against their checksums."""
        return open_data(self.path, self.record(), self.tokenizer())


def copy_prepared(prepared: PreparedData, folder: Path, *, window: Window) -> None:
    """Put prepared data into the folder of a run, as links where the file system has them.

    The run is complete all the same: nobody writes into these files, and each link stands alone.
    Errors: TextError where a side is shorter than `window`.
    """
    require_tokens(prepared.record(), window)
    for entry in read_manifest(prepared.path):
        source, target = prepared.path / entry["name"], folder / entry["name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            os.link(source, target)
            continue
        shutil.copyfile(source, target)
