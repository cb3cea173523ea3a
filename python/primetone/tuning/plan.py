"""What a study is: everything that must be the same for its trials to be comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from primetone.config import encode, flatten
from primetone.errors import FormatError, RunError
from primetone.files import read_json, write_json
from primetone.recipe import Recipe, decode_recipe
from primetone.tuning.spaces import Pruner, Sampler, Space, decode_space, encode_space

PLAN = "study.json"
FORMAT, VERSION = "primetone-study", 1

Objective = Literal["bits_per_byte", "nats_per_token"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One study; `trials` and `workers` are no part of it and may change when it goes on."""

    preset: str
    recipe: Recipe
    """As it stands before a trial's values are set; how long a trial trains is said here."""
    space: Space
    objective: Objective
    """Bits per byte, or nats per token of a family that has no other likelihood."""
    sampler: Sampler
    pruner: Pruner
    rungs: int
    seed: int
    training_seed: Literal["fixed", "by trial"]
    data_fingerprint: str
    tokenizer_fingerprint: str
    validation_fingerprint: str
    """Of the validation text, where one was given apart."""
    sources: tuple[str, ...]
    """Where the data was: read again for another tokenizer; compared by fingerprint only."""
    validation_sources: tuple[str, ...]


def write_plan(folder: Path, plan: Plan) -> None:
    """Write study.json."""
    write_json(folder / PLAN, {"format": FORMAT, "version": VERSION, **_tree(plan)})


def read_plan(folder: Path) -> Plan:
    """The plan of the study in `folder`. Errors: RunError when it is none, FormatError."""
    path = folder / PLAN
    if not path.is_file():
        raise RunError(
            f"{folder} is not a study: expected a directory with {PLAN}, written by `primetone "
            "tune`; check the path"
        )
    tree = read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise FormatError(f'{path}: expected "format": "{FORMAT}", found another file')
    if tree.get("version") != VERSION:
        raise FormatError(f"{path}: expected version {VERSION}, found {tree.get('version')!r}")
    try:
        return Plan(
            preset=tree["preset"],
            recipe=decode_recipe(tree["recipe"]),
            space=decode_space(tree["space"]),
            objective=tree["objective"],
            sampler=tree["sampler"],
            pruner=tree["pruner"],
            rungs=int(tree["rungs"]),
            seed=int(tree["seed"]),
            training_seed=tree["training_seed"],
            data_fingerprint=tree["data_fingerprint"],
            tokenizer_fingerprint=tree["tokenizer_fingerprint"],
            validation_fingerprint=tree["validation_fingerprint"],
            sources=tuple(tree["sources"]),
            validation_sources=tuple(tree["validation_sources"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path} is damaged: {error}") from error


def require_same_plan(folder: Path, old: Plan, new: Plan) -> None:
    """A study goes on as it began, or not at all: trials of two plans must not meet in a table."""
    before, after = _compared(old), _compared(new)
    odd = [
        f"{key} (was {before.get(key, 'not there')}, now {after.get(key, 'not there')})"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
    if odd:
        raise RunError(
            f"cannot go on with the study in {folder}, it differs in {'; '.join(odd)}: set this "
            "back, or start a new study by another --out"
        )


def _compared(plan: Plan) -> dict[str, Any]:
    tree = _tree(plan)
    recipe = dict(flatten({"recipe": tree.pop("recipe")}))
    space = {f"search space of {key}": one.words() for key, one in plan.space.items()}
    names = {
        "data_fingerprint": "the data's fingerprint",
        "tokenizer_fingerprint": "the tokenizer's fingerprint",
        "validation_fingerprint": "the validation text's fingerprint",
        "training_seed": "the training seed",
    }
    apart = ("space", "sources", "validation_sources")
    rest = {names.get(key, key): value for key, value in tree.items() if key not in apart}
    return {**rest, **space, **recipe}


def _tree(plan: Plan) -> dict[str, Any]:
    tree: Mapping[str, Any] = {
        "preset": plan.preset,
        "objective": plan.objective,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "rungs": plan.rungs,
        "seed": plan.seed,
        "training_seed": plan.training_seed,
        "data_fingerprint": plan.data_fingerprint,
        "tokenizer_fingerprint": plan.tokenizer_fingerprint,
        "validation_fingerprint": plan.validation_fingerprint,
        "sources": list(plan.sources),
        "validation_sources": list(plan.validation_sources),
        "space": _nested(encode_space(plan.space)),
        "recipe": encode(plan.recipe),
    }
    return dict(tree)


def _nested(space: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as tables in tables."""
    tree: dict[str, Any] = {}
    for key, value in space.items():
        *tables, leaf = key.split(".")
        node = tree
        for table in tables:
            node = node.setdefault(table, {})
        node[leaf] = value
    return tree
