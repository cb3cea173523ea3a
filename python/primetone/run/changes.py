"""What later resumptions of a run set anew: the recipe it was made with stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from primetone.config import encode
from primetone.errors import FormatError
from primetone.files import read_json, write_json
from primetone.recipe import Recipe, changed_keys, decode_recipe, may_change

CHANGES = "changes.json"


def note_changes(folder: Path, *, old: Recipe, new: Recipe, from_step: int) -> None:
    """Append the differences of two recipes to changes.json, if there are any."""
    changes = changed_keys(old, new)
    if changes:
        values = {key: after for key, (_, after) in changes.items()}
        noted = [*_read(folder), {"from_step": from_step, "values": values}]
        write_json(folder / CHANGES, noted)


def with_changes(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe as the last resumption left it."""
    tree = encode(recipe)
    for change in _read(folder):
        for key, value in change["values"].items():
            if not may_change(key):
                raise FormatError(f"{folder / CHANGES} is damaged: {key} cannot have been changed")
            *tables, leaf = key.split(".")
            node = tree
            for table in tables:
                node = node[table]
            node[leaf] = value
    return decode_recipe(tree)


def change_sources(folder: Path) -> dict[str, str]:
    """For each key that a resumption set anew, in words, which one did last."""
    return {
        key: f"set when resumed at step {change.get('from_step')}"
        for change in _read(folder)
        for key in change["values"]
    }


def _read(folder: Path) -> list[dict[str, Any]]:
    path = folder / CHANGES
    if not path.exists():
        return []
    changes = read_json(path)
    if not isinstance(changes, list) or not all(
        isinstance(change, dict) and isinstance(change.get("values"), dict) for change in changes
    ):
        raise FormatError(f"{path} is damaged: expected a list of changes with their values")
    return changes
