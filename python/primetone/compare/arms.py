"""What is compared: each arm is a recipe with one part changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from primetone.config import did_you_mean
from primetone.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One contestant: what it is, and the keys in which its recipe differs."""

    words: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A recipe, the arms that change it, and which of them the others are measured against."""

    recipe: str
    arms: Mapping[str, Arm]
    references: tuple[str, ...]
    """A contestant wins only if it beats all of these by two standard errors."""
    rates: tuple[float, ...]
    """Learning rates that every arm may choose from."""
    sized_by: str
    """The key that makes the arms equal in parameters."""


_TONES = ("model.bank.atoms=prime_tone", "model.bank.sampling=inclusive")
_TONES_WARN = (*_TONES, "model.bank.on_collision=warn", "model.encoder.logit_scale=none")

SIGNAL = Question(
    recipe="signal",
    arms=MappingProxyType(
        {
            "embedding": Arm(
                words="a learned vector for the character alone",
                overrides=("model.input=embedding",),
            ),
            "concatenated": Arm(
                words="a learned vector for every character at every place of the window",
                overrides=("model.input=concatenated",),
            ),
            "classic": Arm(
                words="prime sines, unit length: the original's signals",
                overrides=(*_TONES_WARN, "model.bank.norm=l2"),
            ),
            "classic-rms": Arm(
                words="prime sines, unit root mean square",
                overrides=(*_TONES_WARN, "model.bank.norm=rms"),
            ),
            "flat": Arm(words="flat atoms of random phase: the mended mode", overrides=()),
            "flat-linear": Arm(
                words="flat atoms, one matrix in place of soft tokens",
                overrides=("model.encoder.soft_tokens=0",),
            ),
            "permute": Arm(
                words="prime sines, samples reordered by place",
                overrides=(*_TONES_WARN, "model.bank.position=permute"),
            ),
            "learned-atoms": Arm(
                words="atoms that are learned, from flat ones on",
                overrides=("model.input=learned_atoms",),
            ),
            "ngrams": Arm(
                words="hashed n-grams of 1 to 6 characters",
                overrides=("model.input=ngrams", "model.ngram_rows=400"),
            ),
        }
    ),
    references=("concatenated", "ngrams"),
    rates=(5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
    sized_by="model.trunk.mlp_factor",
)

QUESTIONS: Mapping[str, Question] = MappingProxyType({"signal": SIGNAL})
"""What `primetone compare` can ask. A new question is one entry."""


def question(name: str) -> Question:
    """The question of that name; ConfigError with the nearest one when there is none."""
    if name not in QUESTIONS:
        raise ConfigError(f"there is no comparison {name!r}: {did_you_mean(name, QUESTIONS)}")
    return QUESTIONS[name]


def chosen_arms(asked: Question, names: Iterable[str]) -> dict[str, Arm]:
    """The arms of these names, all of them where none is named."""
    wanted = list(names) or list(asked.arms)
    for name in wanted:
        if name not in asked.arms:
            raise ConfigError(f"there is no arm {name!r}: {did_you_mean(name, asked.arms)}")
    return {name: asked.arms[name] for name in wanted}
