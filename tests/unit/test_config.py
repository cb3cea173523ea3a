"""The strict decoder: what it accepts, what it refuses and in which words; round trips."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primetone import config
from primetone.config import apply_overrides, decode, describe, encode, flatten, merge, option
from primetone.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = option(128, "channels of the trunk", minimum=1, maximum=4096)
    dropout: float = option(0.0, "share of activations dropped", minimum=0, below=1)
    activation: Literal["gelu", "relu"] = option("gelu", "the non-linearity")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deep:
    rate: float = option(0.5, "a rate", above=0)
    betas: tuple[float, float] = option((0.9, 0.95), "two moments", minimum=0, below=1)
    names: tuple[str, ...] = option((), "any number of names")
    limit: float | None = option(None, "seconds, or none", above=0)
    label: str | None = option(None, "a label")
    kind: str = option("a", "the kind", choices=("a", "b"))
    is_loud: bool = option(False, "whether it speaks up")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = option(Inner(), "the trunk")
    deep: Deep = option(Deep(), "the rest")
    seed: int = option(0, "randomness")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Other:
    height: int = option(3, "metres")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needy:
    must: int = option(help="no default", minimum=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    low: int = option(0, "low end")
    high: int = option(1, "high end")

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(f"expected low <= high, found {self.low} > {self.high}")


def test_an_empty_tree_gives_the_defaults() -> None:
    assert decode(Outer, {}) == Outer()


def test_values_land_where_they_belong() -> None:
    tree = {"inner": {"width": 7}, "deep": {"betas": [0.1, 0.2], "names": ["x"], "limit": 3}}
    got = decode(Outer, tree)
    assert got.inner.width == 7
    assert got.deep.betas == (0.1, 0.2)
    assert got.deep.names == ("x",)
    assert got.deep.limit == 3.0 and isinstance(got.deep.limit, float)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"inner": {"width": 0}}, ["inner.width", "an integer >= 1 and <= 4096", "found 0"]),
        ({"inner": {"width": 5000}}, ["inner.width", "5000"]),
        ({"inner": {"width": True}}, ["inner.width", "an integer", "found true"]),
        ({"inner": {"width": 1.0}}, ["inner.width", "found 1.0"]),
        ({"inner": {"width": "big"}}, ["inner.width", 'found "big"']),
        ({"inner": {"dropout": 1}}, ["inner.dropout", "a number >= 0 and < 1", "found 1"]),
        ({"inner": {"dropout": False}}, ["inner.dropout", "found false"]),
        ({"inner": {"dropout": math.nan}}, ["inner.dropout", "NaN"]),
        ({"inner": {"dropout": 10**400}}, ["inner.dropout"]),
        ({"inner": {"activation": "gelo"}}, ['"gelu", "relu"', 'did you mean "gelu"']),
        ({"inner": 3}, ["inner", "a table of Inner keys", "found 3"]),
        ({"inner": {"widht": 3}}, ["inner.widht", "did you mean inner.width?"]),
        ({"width": 3}, ["width", "did you mean inner.width?"]),
        ({"zzzz": 3}, ["zzzz", "no such key", "inner, deep, seed"]),
        ({"deep": {"rate": 0}}, ["deep.rate", "a number > 0", "found 0"]),
        ({"deep": {"betas": [0.1]}}, ["deep.betas", "a list of 2"]),
        ({"deep": {"betas": [0.1, 1.0]}}, ["deep.betas[1]", "found 1.0"]),
        ({"deep": {"betas": 0.1}}, ["deep.betas", "found 0.1"]),
        ({"deep": {"names": "x"}}, ["deep.names", "a list"]),
        ({"deep": {"limit": "soon"}}, ["deep.limit", "a number > 0 or none", '"soon"']),
        ({"deep": {"limit": -1}}, ["deep.limit", "> 0", "-1"]),
        ({"deep": {"kind": "c"}}, ["deep.kind", '"a", "b"', '"c"']),
        ({"deep": {"is_loud": 1}}, ["deep.is_loud", "true or false", "found 1"]),
        ({"seed": None}, ["seed", "an integer", "found none"]),
    ],
)
def test_a_wrong_tree_is_refused_with_path_and_value(tree: dict, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        decode(Outer, tree)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_none_is_a_word_only_where_text_is_no_answer() -> None:
    assert decode(Deep, {"limit": "none"}).limit is None
    assert decode(Deep, {"label": "none"}).label == "none"
    assert decode(Deep, {"label": None}).label is None


def test_a_required_key_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="must is required"):
        decode(Needy, {})


def test_an_impossible_combination_names_its_table() -> None:
    with pytest.raises(ConfigError, match="range: expected low <= high, found 2 > 1"):
        decode(Checked, {"low": 2}, path="range")


def test_substitutes_replace_the_declared_type() -> None:
    got = decode(Outer, {"inner": {"height": 9}}, substitutes={"inner": Other})
    assert got.inner == Other(height=9)
    assert decode(Outer, {}, substitutes={"inner": Other}).inner == Other()
    paths = [row.path for row in describe(Outer, substitutes={"inner": Other})]
    assert "inner.height" in paths and "inner.width" not in paths


def test_overrides_copy_and_set() -> None:
    tree = {"inner": {"width": 1}}
    got = apply_overrides(
        tree, ["inner.width=64", "deep.kind=b", "deep.names=['p', 'q']", "deep.rate=1e-3"]
    )
    assert tree == {"inner": {"width": 1}}
    assert got == {
        "inner": {"width": 64},
        "deep": {"kind": "b", "names": ["p", "q"], "rate": 1e-3},
    }


@pytest.mark.parametrize("text", ["", "x", "=3", "a..b=3", ".a=1", "a.=1"])
def test_a_malformed_override_is_explained(text: str) -> None:
    with pytest.raises(ConfigError, match="expected key=value"):
        apply_overrides({}, [text])


def test_an_override_below_a_leaf_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed is a single value"):
        apply_overrides({"seed": 3}, ["seed.more=1"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1", -1),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("true", True),
        ('"3"', "3"),
        ("hello world", "hello world"),
        ("True", "True"),
        ("2024-01-01", "2024-01-01"),
        ("1\nother = 2", "1\nother = 2"),
        ("{a = 1}", "{a = 1}"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_override_values_are_toml_or_bare_words(text: str, value: object) -> None:
    assert config.parse_value(text) == value


def test_describe_gives_every_leaf_with_its_words() -> None:
    rows = {row.path: row for row in describe(Outer)}
    assert list(rows)[:3] == ["inner.width", "inner.dropout", "inner.activation"]
    assert rows["inner.width"] == (
        "inner.width",
        "an integer >= 1 and <= 4096",
        128,
        "channels of the trunk",
    )
    assert rows["deep.limit"].type == "a number > 0 or none"
    assert rows["deep.names"].type == "a list, each text"
    assert rows["deep.kind"].type == 'one of "a", "b"'


def test_merge_and_flatten() -> None:
    merged = merge({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": 5}, "c": {"z": 1}})
    assert merged == {"a": {"x": 1, "y": 5}, "b": 3, "c": {"z": 1}}
    assert dict(flatten(merged)) == {"a.x": 1, "a.y": 5, "b": 3, "c.z": 1}


def test_encode_refuses_what_has_no_plain_form() -> None:
    with pytest.raises(ConfigError, match="plain config value"):
        encode({1, 2})


finite = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(
    Inner,
    width=st.integers(1, 4096),
    dropout=st.floats(0, 1, exclude_max=True),
    activation=st.sampled_from(["gelu", "relu"]),
)
deeps = st.builds(
    Deep,
    rate=st.floats(0, allow_infinity=False, exclude_min=True),
    betas=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2),
    names=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    limit=st.none() | st.floats(0, allow_infinity=False, exclude_min=True),
    label=st.none() | st.text(max_size=5),
    kind=st.sampled_from("ab"),
    is_loud=st.booleans(),
)
outers = st.builds(Outer, inner=inners, deep=deeps, seed=st.integers(-(2**63), 2**63))


@given(outers)
def test_decode_inverts_encode(value: Outer) -> None:
    assert decode(Outer, encode(value)) == value


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["inner", "deep", "seed", "width", "betas", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(plain)
def test_any_tree_decodes_or_raises_config_error(tree: object) -> None:
    try:
        got = decode(Outer, tree)  # type: ignore[arg-type]
    except ConfigError as error:
        assert str(error)
    else:
        assert decode(Outer, encode(got)) == got
