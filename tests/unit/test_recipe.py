"""Recipes: presets decode, overrides win, sources are told, mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from primetone import recipe as recipes
from primetone.config import encode
from primetone.errors import ConfigError, Error, FormatError
from primetone.recipe import (
    changed_keys,
    encode_recipe,
    explain_recipe,
    load_recipe,
    may_change,
    read_recipe,
    recipe_names,
    recipe_summary,
)


def test_the_presets_are_the_ones_we_speak_of() -> None:
    assert recipe_names() == (
        "bpe-classic",
        "char",
        "char-classic",
        "decoder",
        "demo",
        "gan",
        "gan-classic",
        "gan-toy",
        "signal",
        "signal-classic",
    )


@pytest.mark.parametrize("name", recipe_names())
def test_every_preset_loads_and_explains_itself(name: str) -> None:
    recipe = load_recipe(name)
    assert recipes.decode_recipe(encode(recipe)) == recipe
    assert len(recipe_summary(name)) > 20
    settings = explain_recipe(name)
    assert len({setting.path for setting in settings}) == len(settings)
    for setting in settings:
        assert setting.help, f"{setting.path} says nothing about itself"
        assert setting.source in ("default", f"recipe {name}")
    assert any(setting.source == f"recipe {name}" for setting in settings)


def test_overrides_win_and_are_named_as_their_source() -> None:
    sources = {s.path: (s.value, s.source) for s in explain_recipe("decoder", ["train.steps=7"])}
    assert sources["train.steps"] == (7, "command line")
    assert load_recipe("decoder", ["train.steps=7", "model.width=64"]).train.steps == 7


@pytest.mark.parametrize(
    ("name", "overrides", "words"),
    [
        ("decodr", [], ["'decodr'", "did you mean 'decoder'?", "char-classic"]),
        ("zzz", [], ["no recipe 'zzz'", "known:"]),
        ("decoder", ["train.stepz=3"], ["train.stepz", "did you mean train.steps?"]),
        ("decoder", ["steps=3"], ["steps", "did you mean train.steps?"]),
        ("decoder", ["train.steps=many"], ["train.steps", "an integer", '"many"']),
        ("decoder", ["model.heads=3", "model.width=64"], ["model", "heads", "3", "64"]),
        ("decoder", ["family=decodr"], ["family", "decodr", "decoder"]),
        ("decoder", ["family=3"], ["family", "3"]),
        ("decoder", ["model=3"], ["model", "a table"]),
        ("decoder", ["optimizer.name=sdg"], ["optimizer.name", '"sdg"', '"adamw"']),
        ("decoder", ["tokenizer.split=gpt5"], ["tokenizer.split", '"gpt5"', "did you mean"]),
        ("no/such.toml", [], ["no/such.toml"]),
    ],
)
def test_mistakes_are_named(name: str, overrides: list[str], words: list[str]) -> None:
    with pytest.raises(Error) as caught:
        load_recipe(name, overrides)
    for word in words:
        assert word in str(caught.value)


def test_a_recipe_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nsteps = 12\n")
    assert load_recipe(path).train.steps == 12
    path.write_text("[train\nsteps = 12\n")
    with pytest.raises(FormatError, match="not valid TOML"):
        load_recipe(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="UTF-8"):
        load_recipe(path)
    path.write_text("train = 3\n")
    with pytest.raises(ConfigError, match="train: expected a table"):
        load_recipe(path)


def test_the_json_of_a_run_is_a_recipe_again(tmp_path: Path) -> None:
    recipe = load_recipe("char", ["train.steps=3"])
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(encode_recipe(recipe)))
    assert read_recipe(path) == recipe
    assert load_recipe(path, ["train.steps=4"]).train.steps == 4
    path.write_text("{}")
    with pytest.raises(FormatError, match="primetone-recipe"):
        load_recipe(path)
    path.write_text(json.dumps({**encode_recipe(recipe), "version": 99}))
    with pytest.raises(FormatError, match="version 1, found version 99"):
        load_recipe(path)


def test_what_may_change_on_the_way() -> None:
    old = load_recipe("decoder")
    new = load_recipe("decoder", ["train.steps=3", "model.layers=2", "generate.temperature=0.1"])
    changed = changed_keys(old, new)
    assert set(changed) == {"train.steps", "model.layers", "generate.temperature"}
    assert {key for key in changed if may_change(key)} == {"train.steps", "generate.temperature"}


def test_every_key_that_may_change_exists() -> None:
    paths = {setting.path for setting in explain_recipe("decoder")}
    for key in recipes.MAY_CHANGE:
        assert any(path == key or path.startswith(f"{key}.") for path in paths)
