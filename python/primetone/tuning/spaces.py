"""What is searched: the table of presets, each with its space, its length and its rules.

A space names keys of a recipe and the values that a trial may give them. Keys that begin with
`tuning.` are no keys of a recipe: `settings.py` turns them into some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from primetone import config
from primetone.config import did_you_mean, option
from primetone.errors import ConfigError

Pruner: TypeAlias = Literal["halving", "hyperband", "median", "none"]
Sampler: TypeAlias = Literal["tpe", "tpe-classic", "random"]

WARMUP_SHARE = "tuning.warmup_share"
"""Share of a trial's steps in which the rate rises."""
HELD_SIZE = "tuning.layers"
"""Transformer blocks; their width follows, so that the model keeps the recipe's parameters."""


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """The values that one key may take: a range, or a list of choices."""

    low: int | float | None = option(None, "the lowest value of a range")
    high: int | float | None = option(None, "the highest value of a range")
    scale: Literal["linear", "log"] = option("linear", "log: equal ratios are equally likely")
    choices: tuple[bool | int | float | str, ...] = option((), "the values, in place of a range")

    def __post_init__(self) -> None:
        if self.choices:
            if self.low is not None or self.high is not None:
                raise ConfigError("expected either choices or low and high, found both")
            return
        if self.low is None or self.high is None:
            raise ConfigError("expected low and high, or choices, found neither whole")
        if isinstance(self.low, int) != isinstance(self.high, int):
            raise ConfigError(
                f"expected low and high of one kind, found {self.low!r} and {self.high!r}: write "
                "both with a point, or none"
            )
        if self.low >= self.high:
            raise ConfigError(f"expected low < high, found {self.low!r} and {self.high!r}")
        if self.scale == "log" and self.low <= 0:
            raise ConfigError(f"expected low above 0 where the scale is log, found {self.low!r}")

    def words(self) -> str:
        """As a person would write it."""
        if self.choices:
            return "{" + ", ".join(str(choice) for choice in self.choices) + "}"
        return f"{self.low:g} to {self.high:g}{' (log)' if self.scale == 'log' else ''}"


Space: TypeAlias = Mapping[str, Dimension]


def _range(low: float, high: float, scale: Literal["linear", "log"] = "linear") -> Dimension:
    return Dimension(low=low, high=high, scale=scale)


def _one_of(*choices: bool | int | float | str) -> Dimension:
    return Dimension(choices=choices)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a preset's table: the key holds only for recipes in which `where` is true."""

    key: str
    dimension: Dimension
    where: Mapping[str, Any] = field(default_factory=dict)


def _row(key: str, dimension: Dimension, **where: Any) -> Row:
    """`where` names keys by __ in place of points."""
    named = {path.replace("__", "."): value for path, value in where.items()}
    return Row(key=key, dimension=dimension, where=named)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How a study goes unless told: the space by family, its trials, and what judges them."""

    words: str
    spaces: Mapping[str, tuple[Row, ...]]
    trials: int
    rungs: int
    """Evaluations in a trial, at equal distances; a pruner may end the trial at each."""
    pruner: Pruner
    sampler: Sampler
    recipe: str | None = None
    """The one recipe that the preset is for; None takes any of a family in `spaces`."""
    overrides: tuple[str, ...] = ()
    """On top of the recipe, below what the user says."""
    training_seed: Literal["fixed", "by trial"] = "fixed"
    seed: int = 0
    """Of the sampler, and the training seed; by trial: plus the number of the trial."""


_OPTIMISER = (
    _row("optimizer.learning_rate", _range(3e-4, 2e-2, "log")),
    _row("optimizer.muon_learning_rate", _range(5e-3, 8e-2, "log"), optimizer__name="muon"),
    _row("optimizer.muon_weight_decay", _range(1e-2, 1.0, "log"), optimizer__name="muon"),
    _row("optimizer.weight_decay", _range(1e-3, 0.5, "log"), optimizer__name="adamw"),
    _row(WARMUP_SHARE, _range(0.0, 0.1)),
    _row("schedule.decay_fraction", _range(0.2, 1.0), schedule__name="wsd"),
)

DEFAULT = Preset(
    words="60 trials of the recipe's own number of tokens, ended early by successive halving",
    spaces={
        "decoder": (
            *_OPTIMISER,
            _row("train.batch_size", _one_of(4, 8, 16, 32)),
            _row(HELD_SIZE, _range(2, 8)),
            _row("model.dropout", _range(0.0, 0.2)),
        ),
        "signal": (
            *_OPTIMISER,
            _row("train.batch_size", _one_of(4, 8, 16, 32)),
            _row("model.window", _range(6, 16), model__targets="all"),
            _row("model.encoder.soft_tokens", _one_of(4, 8, 16), model__targets="all"),
            _row(HELD_SIZE, _range(2, 8), model__targets="all"),
            _row("model.trunk.dropout", _range(0.0, 0.2), model__targets="all"),
            _row("model.head.dropout", _range(0.0, 0.3), model__targets="last"),
        ),
        # The one figure of a gan that is a likelihood says nothing of its critic: no key of the
        # adversary is here, it would be searched for doing least harm.
        "gan": (
            _row("optimizer.learning_rate", _range(3e-4, 1e-2, "log")),
            _row(WARMUP_SHARE, _range(0.0, 0.1)),
            _row("train.batch_size", _one_of(32, 64, 128)),
            _row("model.generator.width", _one_of(32, 64, 96, 128)),
            _row("model.generator.noise_blocks", _range(1, 4)),
            _row("model.generator.output_blocks", _range(1, 3)),
        ),
    },
    trials=60,
    rungs=9,
    pruner="halving",
    sampler="tpe",
)

BPE_CLASSIC = Preset(
    words="the fourth original project's search: 25 trials of 30 epochs under Hyperband",
    recipe="bpe-classic",
    overrides=("train.epochs=30",),
    spaces={
        "decoder": (
            _row("optimizer.learning_rate", _range(1e-4, 1e-3, "log")),
            _row("optimizer.weight_decay", _range(1e-6, 1e-2, "log")),
            _row("model.dropout", _range(0.0, 0.15)),
            _row("model.heads", _one_of(2, 4)),
            _row("model.layers", _one_of(2, 3, 4, 6)),
            _row("model.width", _one_of(48, 64)),
            _row("model.label_smoothing", _range(0.0, 0.06)),
            _row("schedule.rise_fraction", _range(0.1, 0.5)),
            _row("model.activation", _one_of("relu", "gelu")),
            _row("model.mlp_factor", _one_of(2.0, 4.0)),
        ),
    },
    trials=25,
    rungs=30,
    pruner="hyperband",
    sampler="tpe-classic",
    training_seed="by trial",
    seed=2025,
)

PRESETS: Mapping[str, Preset] = MappingProxyType({"default": DEFAULT, "bpe-classic": BPE_CLASSIC})
"""What `primetone tune --preset` can say. A new preset is one entry."""


def preset_named(name: str) -> Preset:
    """The preset of that name; ConfigError with the nearest one when there is none."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}: {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def space_for(
    preset: Preset, recipe: Mapping[str, Any], fixed: Sequence[str]
) -> dict[str, Dimension]:
    """The preset's space for a recipe (as a tree), without the keys that the user has `fixed`.

    Errors: ConfigError where the preset says nothing of the recipe's family, or nothing is left.
    """
    name = recipe["family"]
    if name not in preset.spaces:
        raise ConfigError(
            f"the preset has no search space for the family {name!r}, only for "
            f"{', '.join(sorted(preset.spaces))}: give one by --space"
        )
    values = dict(config.flatten(recipe))
    stands_for = {
        WARMUP_SHARE: ("schedule.warmup_steps",),
        HELD_SIZE: ("model.layers", "model.width", "model.trunk.layers", "model.trunk.width"),
    }
    space = {
        row.key: row.dimension
        for row in preset.spaces[name]
        if all(values.get(key) == value for key, value in row.where.items())
        and not {row.key, *stands_for.get(row.key, ())} & set(fixed)
    }
    if not space:
        raise ConfigError("every key of the search space is set by an override: leave one out")
    return space


def decode_space(tree: Mapping[str, Any]) -> dict[str, Dimension]:
    """A space from plain values: tables of keys whose leaves are tables of a Dimension's keys."""
    return dict(_dimensions(tree, ""))


def _dimensions(tree: Mapping[str, Any], path: str) -> Any:
    for key, value in tree.items():
        here = f"{path}.{key}" if path else key
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{here}: expected a table such as {{ low = 0.0, high = 0.2 }} or "
                f"{{ choices = [1, 2] }}, found {value!r}"
            )
        if {"low", "high", "choices"} & set(value):
            yield here, config.decode(Dimension, value, path=here)
        else:
            yield from _dimensions(value, here)


def encode_space(space: Space) -> dict[str, Any]:
    """The JSON form of a space, key by key."""
    return {key: config.encode(dimension) for key, dimension in space.items()}
