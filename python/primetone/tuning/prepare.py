"""Making or opening the folder of a study: its plan, its data, and what it refuses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from primetone.config import apply_overrides, did_you_mean, encode, flatten
from primetone.errors import ConfigError, RunError
from primetone.families import family
from primetone.recipe import Recipe, decode_recipe, load_recipe, recipe_names
from primetone.tuning.places import data_folder
from primetone.tuning.plan import PLAN, Objective, Plan, read_plan, require_same_plan, write_plan
from primetone.tuning.spaces import (
    HELD_SIZE,
    WARMUP_SHARE,
    Preset,
    Pruner,
    Sampler,
    Space,
    decode_space,
    preset_named,
    space_for,
)

PathLike = str | os.PathLike[str]


def prepare_study(
    folder: Path,
    recipe: Recipe | PathLike,
    data: PathLike | Sequence[PathLike] | None,
    *,
    validation: PathLike | Sequence[PathLike] | None,
    preset: str,
    overrides: Sequence[str],
    space: Mapping[str, Any] | None,
    sampler: Sampler | None,
    pruner: Pruner | None,
    seed: int | None,
    say: Callable[[str], None],
) -> Plan:
    """The plan of the study in `folder`, which is made if nothing is there.

    Errors: ConfigError for settings that fit no study, RunError where the folder holds a study of
    another plan or of other data, naming what differs, or something else.
    """
    from primetone.run.data import read_record, require_same_data
    from primetone.run.sharing import PreparedData

    chosen = preset_named(preset)
    base = _base_recipe(recipe, chosen, preset, overrides, say)
    settings = _settings(base, chosen, overrides, space)
    sources, apart = _sources(data), _sources(validation)
    old = read_plan(folder) if (folder / PLAN).exists() else None
    of_data: dict[str, Any]
    if old is None:
        _require_free(folder)
        if not sources and base.data.builtin == "none":
            raise ConfigError("expected data to train on, found none: name texts or a token store")
        prepared = PreparedData(path=data_folder(folder, base))
        if not prepared.is_there():
            say("preparing the data")
            create_data(prepared.path, base, sources, apart)
        record = prepared.record()
        of_data = {
            "sources": tuple(sources),
            "validation_sources": tuple(apart),
            "data_fingerprint": record.fingerprint,
            "validation_fingerprint": record.validation_fingerprint,
            "tokenizer_fingerprint": prepared.tokenizer().fingerprint,
        }
    else:
        of_data = {
            "sources": old.sources,
            "validation_sources": old.validation_sources,
            "data_fingerprint": old.data_fingerprint,
            "validation_fingerprint": old.validation_fingerprint,
            "tokenizer_fingerprint": old.tokenizer_fingerprint,
        }
    plan = Plan(
        preset=preset,
        recipe=base,
        space=settings,
        objective=_objective(base, settings),
        sampler=sampler or chosen.sampler,
        pruner=pruner or chosen.pruner,
        rungs=chosen.rungs,
        seed=chosen.seed if seed is None else seed,
        training_seed=chosen.training_seed,
        **of_data,
    )
    if old is None:
        write_plan(folder, plan)
        return plan
    require_same_plan(folder, old, plan)
    record = read_record(data_folder(folder, base))
    require_same_data(record, base, sources or None, apart or None)
    return old


def create_data(
    place: Path, recipe: Recipe, sources: Sequence[str], validation: Sequence[str]
) -> None:
    """Prepare what the trials of these tokenizer settings train on; no sources: the recipe's own.

    Errors: as those of `primetone train` before it trains.
    """
    from primetone.run.sentences import builtin_corpus
    from primetone.run.sharing import PreparedData

    texts = list(sources) if sources else builtin_corpus(recipe.data)
    assert texts is not None, "a plan without sources is of a recipe that brings its own"
    PreparedData.create(place, recipe, texts, validation=list(validation) or None)


def _base_recipe(
    recipe: Recipe | PathLike,
    chosen: Preset,
    preset: str,
    overrides: Sequence[str],
    say: Callable[[str], None],
) -> Recipe:
    given = recipe if isinstance(recipe, Recipe) else load_recipe(Path(recipe))
    if (
        chosen.recipe is not None
        and not isinstance(recipe, Recipe)
        and str(recipe) != chosen.recipe
    ):
        if chosen.recipe not in recipe_names():
            raise ConfigError(
                f"the preset {preset!r} is for the recipe {chosen.recipe!r}, which this release "
                "does not have: choose another preset"
            )
        right = load_recipe(chosen.recipe)
        if right.family != given.family:
            raise ConfigError(
                f"the preset {preset!r} is for the recipe {chosen.recipe!r} of the family "
                f"{right.family!r}, found the family {given.family!r}: name that recipe"
            )
        say(f"note: the preset {preset!r} searches around its own recipe, {chosen.recipe!r}")
        given = right
    base = decode_recipe(apply_overrides(encode(given), [*chosen.overrides, *overrides]))
    if base.train.max_seconds is not None:
        raise ConfigError(
            "train.max_seconds: expected trials that end by their steps, found a recipe that ends "
            f"by the clock (after {base.train.max_seconds:g} s), which other workers would slow: "
            "set train.max_seconds=none and train.steps"
        )
    return base


def _settings(
    base: Recipe, chosen: Preset, overrides: Sequence[str], own: Mapping[str, Any] | None
) -> Space:
    fixed = [override.partition("=")[0].strip() for override in overrides]
    tree = encode(base)
    if own is None:
        space = space_for(chosen, tree, fixed)
    else:
        space = {key: one for key, one in decode_space(own).items() if key not in fixed}
        if not space:
            raise ConfigError("expected a search space with at least one key, found none: name one")
    known = {*dict(flatten(tree)), WARMUP_SHARE, HELD_SIZE}
    for key in space:
        if key not in known:
            raise ConfigError(f"search space: no such key {key!r}; {did_you_mean(key, known)}")
        if key in ("train.steps", "train.epochs", "train.max_seconds"):
            raise ConfigError(
                f"search space: {key} says how long a trial trains, and all train equally long: "
                "leave it out"
            )
    return space


def _objective(base: Recipe, space: Space) -> Objective:
    if "score" in family(base.family).can:
        return "bits_per_byte"
    if any(key.startswith("tokenizer.") for key in space):
        raise ConfigError(
            f"the family {base.family!r} has no bits per byte, and nats per token compare only "
            "under one tokenizer: leave tokenizer keys out of the search space"
        )
    return "nats_per_token"


def _sources(data: PathLike | Sequence[PathLike] | None) -> list[str]:
    """Paths as they will be found again, by workers and when the study goes on."""
    if data is None:
        return []
    paths = [data] if isinstance(data, str | os.PathLike) else list(data)
    if "-" in map(str, paths):
        raise ConfigError(
            "expected texts that can be read again, found -: standard input is gone when a study "
            "goes on; write it to a file"
        )
    return [str(Path(path).absolute()) for path in paths]


def _require_free(folder: Path) -> None:
    """RunError unless the folder is empty, or all that a study came to is its data."""
    odd = [name for name in os.listdir(folder) if name != "data"]
    if odd:
        raise RunError(
            f"expected a new directory for the study, or one that holds a study, found {odd[0]!r} "
            f"in {folder}: choose another one by --out"
        )
