"""The one config tree of a run: TOML presets, dotted overrides, and the source of each value."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from primetone import config
from primetone.config import option
from primetone.errors import ConfigError, FormatError
from primetone.families import family
from primetone.files import explained, read_json
from primetone.generation import SamplingConfig
from primetone.training.optim import OptimizerConfig
from primetone.training.schedule import ScheduleConfig
from primetone.training.settings import TrainConfig

RECIPES = Path(__file__).parent / "recipes"
FORMAT, VERSION = "primetone-recipe", 1

MAY_CHANGE = (
    "train.steps",
    "train.epochs",
    "train.max_seconds",
    "train.log_every",
    "train.eval_every",
    "train.eval_epochs",
    "train.patience",
    "train.sample_every",
    "train.save_every",
    "train.keep_checkpoints",
    "train.eval_tokens",
    "generate",
)
"""Keys, and tables of keys, that a resumed run may set anew: they change no weight of a step."""


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Which tokenizer to learn where the data is text; a token store brings its own."""

    kind: Literal["bpe", "char", "byte", "word"] = option("bpe", "what a token is")
    vocab_size: int = option(4096, "entries of the vocabulary (bpe, word)", minimum=1)
    split: Literal["gpt2", "gpt4", "o200k", "llama3", "qwen2", "tekken", "none"] = option(
        "gpt4", "how text is cut into pieces that no merge crosses (bpe, word)"
    )
    units: Literal["bytes", "characters"] = option(
        "bytes", "what is merged: bytes of pieces, or characters of words, each with a mark (bpe)"
    )
    case: Literal["kept", "lower"] = option(
        "kept", "lower: capitals are read as small letters (bpe with units characters)"
    )
    unknown: Literal["error", "<unk>"] = option(
        "error",
        "what a character outside the alphabet becomes (char, and bpe with units characters)",
    )
    specials: Literal["all", "none"] = option(
        "all", "none: characters alone, no token for padding, ends or unknown ones (char)"
    )

    def __post_init__(self) -> None:
        if self.units == "characters" and self.kind != "bpe":
            raise ConfigError(f"units: expected bytes where kind is {self.kind}, found characters")
        if self.case == "lower" and self.units != "characters":
            raise ConfigError("case: expected kept where units is bytes, found lower")
        if self.specials == "none" and self.unknown != "error":
            raise ConfigError(f"specials: expected all where unknown is {self.unknown}, found none")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How text is read and what of it is kept apart for validation."""

    validation_fraction: float = option(
        0.1, "share of the text kept apart for validation", above=0, below=1
    )
    split_by: Literal["tail", "document"] = option(
        "tail", "validate on the end of the text, or on whole documents chosen by their content"
    )
    encoding: str = option("utf-8", "encoding of the text files")
    field: str = option("text", "field of .jsonl, or column of .parquet, that holds the text")
    per: Literal["file", "line", "paragraph"] = option("file", "what a document is in a text file")
    builtin: Literal["none", "toy-grammar"] = option(
        "none", "the text to train on where none is named: one that the package makes itself"
    )
    separator: str = option("", "what divides documents in a text file, if anything does")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a run but the data: equal recipes on equal data give equal runs."""

    family: str = option("decoder", "the kind of model")
    tokenizer: TokenizerConfig = option(TokenizerConfig(), "the tokenizer")
    data: DataConfig = option(DataConfig(), "the data")
    model: Any = option(None, "the settings of the family's model")
    train: TrainConfig = option(TrainConfig(), "the loop")
    optimizer: OptimizerConfig = option(OptimizerConfig(), "the optimiser")
    schedule: ScheduleConfig = option(ScheduleConfig(), "the learning rate over the run")
    generate: SamplingConfig = option(SamplingConfig(), "how samples are drawn")


class Setting(NamedTuple):
    """One leaf of a recipe, explained."""

    path: str
    value: Any
    source: str
    type: str
    help: str


def recipe_names() -> tuple[str, ...]:
    """The presets that come with the package."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def recipe_summary(name: str) -> str:
    """The first sentence of the comment that opens a preset."""
    with (RECIPES / f"{name}.toml").open(encoding="utf-8") as file:
        comment = itertools.takewhile(lambda line: line.startswith("#"), file)
        text = " ".join(line.lstrip("# ").strip() for line in comment)
    return text.split(". ")[0].rstrip(".")


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a preset name or a file (.toml, or a run's recipe.json), with overrides on top.

    Errors: ConfigError with path, value and nearest name, before anything else is done.
    """
    return decode_recipe(config.apply_overrides(_read_tree(name), overrides))


def explain_recipe(name: str | Path, overrides: Sequence[str] = ()) -> list[Setting]:
    """Every key of a recipe with its value, its meaning and where the value is from."""
    in_file = dict.fromkeys(dict(config.flatten(_read_tree(name))), f"recipe {name}")
    on_top = config.flatten(config.apply_overrides({}, overrides))
    given = dict.fromkeys(dict(on_top), "command line")
    return explain_settings(load_recipe(name, overrides), {**in_file, **given}, "default")


def explain_settings(recipe: Recipe, sources: Mapping[str, str], otherwise: str) -> list[Setting]:
    """Every key of `recipe` with its value and its meaning; `sources` by key, else `otherwise`."""
    values = dict(config.flatten(config.encode(recipe)))
    return [
        Setting(row.path, values[row.path], sources.get(row.path, otherwise), row.type, row.help)
        for row in config.describe(Recipe, substitutes=_substitutes(recipe.family))
    ]


def decode_recipe(tree: Mapping[str, Any]) -> Recipe:
    """The recipe from a tree of plain values."""
    name = tree.get("family", "decoder")
    if not isinstance(name, str):
        raise ConfigError(f"family: expected the name of a model family, found {name!r}")
    return config.decode(Recipe, tree, substitutes=_substitutes(name))


def encode_recipe(recipe: Recipe) -> dict[str, Any]:
    """The JSON form of a recipe, as it stands in a run; every key is in it."""
    return {"format": FORMAT, "version": VERSION, "recipe": config.encode(recipe)}


def read_recipe(path: Path) -> Recipe:
    """The recipe that `encode_recipe` wrote."""
    return decode_recipe(_recipe_of_json(path))


def changed_keys(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The keys in which two recipes differ, with both values."""
    before = dict(config.flatten(config.encode(old)))
    after = dict(config.flatten(config.encode(new)))
    return {
        path: (before.get(path), after.get(path))
        for path in {**before, **after}
        if before.get(path) != after.get(path)
    }


def may_change(path: str) -> bool:
    """Whether a resumed run may set this key anew."""
    return any(path == key or path.startswith(f"{key}.") for key in MAY_CHANGE)


def _substitutes(family_name: str) -> dict[str, type]:
    return {"model": family(family_name).config_type}


def _read_tree(name: str | Path) -> dict[str, Any]:
    text = str(name)
    path = Path(name)
    if path.suffix == ".json":
        return _recipe_of_json(path)
    if path.suffix != ".toml" and "/" not in text:
        known = recipe_names()
        if text not in known:
            raise ConfigError(
                f"there is no recipe {text!r}: {config.did_you_mean(text, known)}; "
                "a recipe of your own is named by its path, ending in .toml"
            )
        path = RECIPES / f"{text}.toml"
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: expected UTF-8 text, found other bytes: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{path} is not valid TOML: {error}") from None


def _recipe_of_json(path: Path) -> dict[str, Any]:
    tree = read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise FormatError(f'{path}: expected a recipe with "format": "{FORMAT}", found none')
    if tree.get("version") != VERSION or not isinstance(tree.get("recipe"), dict):
        raise FormatError(
            f"{path}: expected a recipe of version {VERSION}, found version "
            f"{tree.get('version')!r}; another release of primetone may have written it"
        )
    return dict(tree["recipe"])
