"""From the values that a trial was given to the recipe that it trains."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from primetone.config import encode, flatten
from primetone.recipe import Recipe, changed_keys, decode_recipe
from primetone.tuning.plan import Plan
from primetone.tuning.spaces import HELD_SIZE, WARMUP_SHARE

if TYPE_CHECKING:
    from primetone.run.data import RunData
    from primetone.text.tokenizer import Tokenizer

DIGITS = 4
"""Of a value from a range: more say nothing, and a recipe is read by people."""
OWN = "tuning."
ASIDE = (
    *("train.eval_every", "train.eval_epochs", "train.save_every", "train.sample_every"),
    *("train.keep_checkpoints", "train.threads"),
)
"""Keys that a trial sets for the sake of the study; the best recipe has its own again."""


def rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are trained with."""
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in values.items()
    }


def with_keys(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with these keys set; ConfigError where it cannot be."""
    tree = encode(recipe)
    for key, value in values.items():
        *tables, leaf = key.split(".")
        node = tree
        for table in tables:
            node = node.setdefault(table, {})
        node[leaf] = value
    return decode_recipe(tree)


def searched(plan: Plan, values: Mapping[str, Any]) -> Recipe:
    """The plan's recipe with the values that are keys of it: all that decides the data."""
    return with_keys(plan.recipe, {k: v for k, v in values.items() if not k.startswith(OWN)})


def trial_recipe(
    plan: Plan,
    number: int,
    values: Mapping[str, Any],
    *,
    data: RunData,
    tokenizer: Tokenizer,
    threads: int,
) -> Recipe:
    """What trial `number` trains, where `values` are those of its space.

    Its length is that of the plan's recipe: as many epochs, or as many tokens whatever the batch
    (rounded to whole steps between evaluations).
    """
    recipe = searched(plan, values)
    if HELD_SIZE in values:
        recipe = held_in_size(plan.recipe, recipe, values[HELD_SIZE], tokenizer.vocab_size)
    steps = _steps(plan, recipe, data, tokenizer)
    keys = {
        "train.steps": steps,
        "train.epochs": None,
        "train.eval_every": steps // plan.rungs,
        "train.save_every": 0,
        "train.sample_every": 0,
        "train.keep_checkpoints": 1,
        "train.threads": plan.recipe.train.threads or threads,
        "train.eval_epochs": None,
    }
    if plan.training_seed == "by trial":
        keys["train.seed"] = plan.seed + number
    if WARMUP_SHARE in values:
        keys["schedule.warmup_steps"] = round(values[WARMUP_SHARE] * steps)
    return with_keys(recipe, keys)


def recipe_to_keep(plan: Plan, trained: Recipe) -> Recipe:
    """A trial's recipe as one to train with: what only the study wanted is as it was."""
    before = dict(flatten(encode(plan.recipe)))
    keys = {key: before[key] for key in ASIDE if key in changed_keys(plan.recipe, trained)}
    if plan.recipe.train.epochs is not None:
        keys |= {key: before[key] for key in ("train.epochs", "train.steps")}
    return with_keys(trained, keys)


def held_in_size(base: Recipe, recipe: Recipe, layers: int, vocab_size: int) -> Recipe:
    """`recipe` with so many blocks and the width that comes nearest to the parameters of `base`."""
    from primetone.run.size import count_parameters

    table = "model.trunk" if base.family == "signal" else "model"
    heads = dict(flatten(encode(recipe)))[f"{table}.heads"]
    wanted = count_parameters(base, vocab_size)
    # even channels a head for rotary positions; eights suit the units that multiply
    stride = math.lcm(2 * heads, 8)

    def at(multiple: int) -> Recipe:
        return with_keys(recipe, {f"{table}.layers": layers, f"{table}.width": multiple * stride})

    @functools.cache
    def size(multiple: int) -> int:
        return count_parameters(at(multiple), vocab_size)

    high = 1
    while size(high) < wanted:
        high *= 2
    larger = bisect.bisect_left(range(high), wanted, lo=1, key=size)
    smaller = max(1, larger - 1)
    return at(min((smaller, larger), key=lambda multiple: abs(size(multiple) - wanted)))


def _steps(plan: Plan, recipe: Recipe, data: RunData, tokenizer: Tokenizer) -> int:
    """Optimiser steps of a trial: a multiple of the evaluations in it."""
    train = recipe.train
    if train.epochs is not None:
        steps = train.epochs * _batches_per_epoch(recipe, data, tokenizer) / train.accumulate
    else:
        steps = train.steps * _tokens_per_step(plan.recipe) / _tokens_per_step(recipe)
    return plan.rungs * max(1, round(steps / plan.rungs))


def _tokens_per_step(recipe: Recipe) -> int:
    from primetone.families import family

    window = family(recipe.family).window(recipe.model)
    return window.num_targets * recipe.train.batch_size * recipe.train.accumulate


def _batches_per_epoch(recipe: Recipe, data: RunData, tokenizer: Tokenizer) -> int:
    import torch

    from primetone.families import family
    from primetone.run.sentences import end_of_text
    from primetone.training.documents import DocumentLoader
    from primetone.training.loader import Loader

    how: Any = {
        "window": family(recipe.family).window(recipe.model),
        "batch_size": recipe.train.batch_size,
        "seed": recipe.train.seed,
        "place": torch.from_numpy,
    }
    if how["window"].cut == "documents":
        return DocumentLoader(data.train, end_id=end_of_text(tokenizer), **how).batches_per_epoch
    return Loader(data.train, **how).batches_per_epoch
