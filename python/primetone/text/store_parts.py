"""A token store in parts: which shards it is of, which are there, and that they belong together.

The directory holds ``parts.json``, which says what every part must be of, and a directory for each
shard, ``part-00002-of-00008``, which is a store by itself with a ``shard.json`` in it. All of them
are known beforehand, so that machines which share nothing write parts that fit together when their
directories are copied into one.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primetone.errors import FormatError, StoreError
from primetone.files import json_bytes, read_json
from primetone.text.shards import MOST_SHARDS, Shard

__all__ = ["PARTS_NAME", "PartsPlan", "check_part", "part_folder", "read_plan", "require_parts"]

PARTS_NAME = "parts.json"
SHARD_NAME = "shard.json"
_PREFIX = "part-"
_PARTS_FORMAT, _SHARD_FORMAT, _VERSION = "primetone-store-parts", "primetone-store-shard", 1
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class PartsPlan:
    """What all parts of one store have in common."""

    num_shards: int
    tokenizer_fingerprint: str
    end_of_document_id: int | None
    num_files: int
    num_bytes: int
    digest: str
    """of the names and sizes of the files, and of how they are read"""

    def parts_json(self) -> bytes:
        """What parts.json says."""
        return json_bytes({"format": _PARTS_FORMAT, "version": _VERSION, **self._tree()})

    def shard_json(self, shard: Shard) -> bytes:
        """What the shard.json of a part says."""
        head = {"format": _SHARD_FORMAT, "version": _VERSION, "number": shard.number}
        return json_bytes({**head, **self._tree()})

    def _tree(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def require_same(self, other: PartsPlan, where: Path) -> None:
        """StoreError, naming ``where``, if that is not planned as this is."""
        if other == self:
            return
        if other.num_shards != self.num_shards:
            what = "number of shards"
            expected, found = str(self.num_shards), str(other.num_shards)
        elif other.tokenizer_fingerprint != self.tokenizer_fingerprint:
            what = "tokenizer"
            expected, found = self.tokenizer_fingerprint, other.tokenizer_fingerprint
        elif other.end_of_document_id != self.end_of_document_id:
            what = "end of a document"
            expected, found = str(self.end_of_document_id), str(other.end_of_document_id)
        else:
            what = "text (the names, order and sizes of the files, and how they are read)"
            expected, found = self._text_words(), other._text_words()
        raise StoreError(
            f"{where} is of another {what}: expected {expected}, found {found}; "
            "remove it and encode it again, or choose another place"
        )

    def _text_words(self) -> str:
        return f"{self.num_files:,} files of {self.num_bytes:,} bytes ({self.digest})"


def part_folder(folder: Path, shard: Shard) -> Path:
    """Where a shard goes."""
    return folder / f"{_PREFIX}{shard.number:05}-of-{shard.of:05}"


def read_plan(folder: Path) -> PartsPlan:
    """What parts.json says; FormatError where it is damaged."""
    plan, _ = _read(folder / PARTS_NAME, _PARTS_FORMAT, set())
    return plan


def check_part(folder: Path, plan: PartsPlan, shard: Shard) -> None:
    """StoreError or FormatError if the part at ``folder`` is not this shard of this plan."""
    path = folder / SHARD_NAME
    if not path.is_file():
        raise FormatError(f"{folder} has no {SHARD_NAME}: it is not a part of a token store")
    found, number = _read(path, _SHARD_FORMAT, {"number"})
    plan.require_same(found, folder)
    if number["number"] != shard.number:
        raise StoreError(
            f"{folder} holds shard {number['number']}/{plan.num_shards}, which is there twice or "
            f"has another's name: expected shard {shard}; put the right one there"
        )


def finished_shards(folder: Path, plan: PartsPlan) -> list[Shard]:
    """The shards whose parts are there; what is in them is not looked at."""
    shards = (Shard(number, plan.num_shards) for number in range(1, plan.num_shards + 1))
    return [shard for shard in shards if part_folder(folder, shard).is_dir()]


def require_parts(folder: Path, plan: PartsPlan) -> list[Shard]:
    """Every shard of the plan; StoreError naming those that are missing or too many."""
    shards = finished_shards(folder, plan)
    expected = {part_folder(folder, shard).name for shard in shards}
    for name in sorted(os.listdir(folder)):
        if name.startswith(_PREFIX) and name not in expected:
            raise StoreError(
                f"{folder / name} is no shard of this store, which has {plan.num_shards}: it is a "
                "copy of one of them, or a part of another store; move it away"
            )
    if len(shards) < plan.num_shards:
        missing = missing_words(plan, shards)
        raise StoreError(
            f"{folder} is not complete: expected {plan.num_shards} shards, missing {missing}; "
            "encode them, or copy their directories there"
        )
    return shards


def missing_words(plan: PartsPlan, present: Sequence[Shard]) -> str:
    """The shards that are not there, the first few by their directories."""
    known = {shard.number for shard in present}
    missing = [number for number in range(1, plan.num_shards + 1) if number not in known]
    named = [part_folder(Path(), Shard(n, plan.num_shards)).name for n in missing[:_MOST_NAMED]]
    more = f" and {len(missing) - len(named):,} more" if len(missing) > len(named) else ""
    return ", ".join(named) + more


def _read(path: Path, format: str, more: set[str]) -> tuple[PartsPlan, dict[str, Any]]:
    tree = read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != format:
        raise FormatError(f'{path}: expected "format": "{format}"')
    if type(tree.get("version")) is not int or tree["version"] != _VERSION:
        raise FormatError(
            f"{path}: expected version {_VERSION}, found {tree.get('version')!r}; encode the text "
            "again with this primetone, or use the one that wrote it"
        )
    names = {field.name for field in dataclasses.fields(PartsPlan)}
    if set(tree) != names | more | {"format", "version"}:
        raise FormatError(f"{path} is damaged: keys are missing or unknown")
    numbers = ("num_shards", "num_files", "num_bytes", *more)
    end_id = tree["end_of_document_id"]
    is_sound = (
        all(type(tree[name]) is int and tree[name] >= 0 for name in numbers)
        and 1 <= tree["num_shards"] <= MOST_SHARDS
        and all(isinstance(tree[name], str) for name in ("tokenizer_fingerprint", "digest"))
        and (end_id is None or type(end_id) is int)
    )
    if not is_sound:
        raise FormatError(f"{path} is damaged: a value is not what its key asks for")
    plan = PartsPlan(**{name: tree[name] for name in names})
    return plan, {name: tree[name] for name in more}
