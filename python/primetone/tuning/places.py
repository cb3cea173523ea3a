"""Where things stand in the folder of a study."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from primetone.config import encode
from primetone.recipe import Recipe

RESULTS, TABLE, BEST = "results.json", "table.md", "best.toml"


def trial_folder(study: Path, number: int) -> Path:
    """The run directory of a trial."""
    return study / "trials" / f"{number:04d}"


def data_folder(study: Path, recipe: Recipe) -> Path:
    """The data of all trials that read and encode text as this recipe does."""
    settings = json.dumps([encode(recipe.data), encode(recipe.tokenizer)], sort_keys=True)
    name = hashlib.blake2b(settings.encode(), digest_size=4).hexdigest()
    return study / "data" / name


def log_path(study: Path, slot: int) -> Path:
    """What a worker wrote to standard error."""
    return study / "logs" / f"worker_{slot}.log"
