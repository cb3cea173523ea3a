"""Frozen dataclasses from TOML or JSON trees and back: strict, overridable, a line of help per key.

A component declares its settings as a frozen, keyword-only dataclass whose fields are made by
`option`; `decode` turns a tree of plain values into it, or names the wrong key and what was meant.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, Union

from primetone.errors import ConfigError

T = TypeVar("T")
Tree = Mapping[str, Any]
NO_SUBSTITUTES: Mapping[str, type] = types.MappingProxyType({})


class Row(NamedTuple):
    """One leaf of a config tree, for people: dotted path, type in words, default value, help."""

    path: str
    type: str
    default: Any
    help: str


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    choices: Sequence[Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A dataclass field with its help and its bounds; without a default the key is required.

    `minimum` and `maximum` are allowed values, `above` and `below` are not. Bounds hold for each
    element of a tuple. A nested config is given as an instance of its (frozen) dataclass.
    """
    limits = {
        "help": help,
        "choices": None if choices is None else tuple(choices),
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "below": below,
    }
    return dataclasses.field(default=default, metadata=limits)


def decode(
    cls: type[T], tree: Tree, *, path: str = "", substitutes: Mapping[str, type] = NO_SUBSTITUTES
) -> T:
    """The dataclass `cls` from a tree of plain values; errors name path, value and nearest key.

    `substitutes` gives the type to use at a dotted path whose declared type depends on another key
    (the settings of a model, which depend on its family).
    """
    if not isinstance(tree, Mapping):
        raise _wrong(path, f"a table of {cls.__name__} keys", tree)
    declared = _fields(cls)  # type: ignore[arg-type]
    for key in tree:
        if key not in declared:
            raise ConfigError(_unknown_key(cls, key, path, substitutes))
    values = {}
    for name, (field, annotation) in declared.items():
        here = _join(path, name)
        if name in tree:
            kind = substitutes.get(here, annotation)
            values[name] = _decode_value(kind, tree[name], here, field.metadata, substitutes)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{here} is required ({_words(annotation, field.metadata)}): set it")
        elif here in substitutes:
            values[name] = decode(substitutes[here], {}, path=here, substitutes=substitutes)
    try:
        return cls(**values)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}" if path else str(error)) from error


def encode(config: Any) -> Any:
    """The tree of dicts, lists and scalars that `decode` turns back into an equal config."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: encode(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [encode(item) for item in config]
    if config is None or isinstance(config, bool | int | float | str):
        return config
    raise ConfigError(
        f"expected a plain config value, found {config!r}: only scalars, tuples and configs"
    )


def apply_overrides(tree: Tree, overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `tree` with each `a.b=value` set; values are TOML, anything else is text."""
    result = _deep_copy(tree)
    for override in overrides:
        path, equals, text = override.partition("=")
        parts = path.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(
                f"expected key=value (such as train.steps=500), found {override!r}: write the "
                "dotted key, an equals sign and the value, without spaces"
            )
        node = result
        for depth, part in enumerate(parts[:-1]):
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                table = ".".join(parts[: depth + 1])
                raise ConfigError(
                    f"{path}: {table} is a single value ({_show(node)}), it has no keys"
                )
        node[parts[-1]] = parse_value(text.strip())
    return result


def parse_value(text: str) -> Any:
    """A TOML value (3, 0.5, true, "x", [1, 2]); a bare word that is none stands for itself."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    if set(parsed) != {"value"} or not isinstance(parsed["value"], bool | int | float | str | list):
        return text
    return parsed["value"]


def describe(
    cls: type, *, path: str = "", substitutes: Mapping[str, type] = NO_SUBSTITUTES
) -> list[Row]:
    """One row per leaf key of `cls`, in the order of declaration, nested configs included."""
    rows = []
    for name, (field, annotation) in _fields(cls).items():
        here = _join(path, name)
        kind = substitutes.get(here, annotation)
        nested = _nested_config(kind)
        if nested is not None:
            rows += describe(nested, path=here, substitutes=substitutes)
            continue
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        rows.append(
            Row(here, _words(kind, field.metadata), default, field.metadata.get("help", ""))
        )
    return rows


def flatten(tree: Tree, *, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree as (dotted path, value), in order."""
    for key, value in tree.items():
        here = _join(path, key)
        if isinstance(value, Mapping):
            yield from flatten(value, path=here)
        else:
            yield here, value


def merge(base: Tree, over: Tree) -> dict[str, Any]:
    """A copy of `base` in which the leaves of `over` win; tables are merged key by key."""
    result = _deep_copy(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = _deep_copy(value) if isinstance(value, Mapping) else value
    return result


def toml_text(tree: Tree) -> str:
    """A tree of plain values as TOML that reads back as the same tree; None as the word none."""
    return "".join(_toml_lines(tree, ""))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` most probably stands for, or None when nothing is near."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of an error message for an unknown name: the nearest name, and all there are."""
    known = sorted(names)
    guess = nearest(name, known)
    hint = f"did you mean {guess!r}? " if guess is not None else ""
    return f"{hint}known: {', '.join(known)}"


# What follows reads one annotation at a time.


@functools.cache
def _fields(cls: Any) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"expected a dataclass, found {cls!r}")
    hints = typing.get_type_hints(cls)
    return {f.name: (f, hints[f.name]) for f in dataclasses.fields(cls) if f.init}


def _decode_value(
    kind: Any, value: Any, path: str, limits: Mapping[str, Any], substitutes: Mapping[str, type]
) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, value, path, limits, substitutes)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if isinstance(value, kind):
            return value
        return decode(kind, value, path=path, substitutes=substitutes)
    if origin is tuple:
        return _decode_tuple(kind, value, path, limits, substitutes)
    if origin is Literal:
        allowed = typing.get_args(kind)
        if not any(value == choice and type(value) is type(choice) for choice in allowed):
            raise _wrong_choice(path, allowed, value)
        return value
    expected = _words(kind, limits)
    if kind is bool:
        if not isinstance(value, bool):
            raise _wrong(path, expected, value)
    elif kind is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(path, expected, value)
    elif kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise _wrong(path, expected, value)
        value = float(value)
    elif kind is str:
        if not isinstance(value, str):
            raise _wrong(path, expected, value)
    else:
        raise TypeError(f"{path}: config fields cannot have the type {kind!r}")
    return _within(value, path, expected, limits)


def _decode_union(
    kind: Any, value: Any, path: str, limits: Mapping[str, Any], substitutes: Mapping[str, type]
) -> Any:
    members = typing.get_args(kind)
    if type(None) in members and value is None:
        return None
    failure = None
    for member in members:
        if member is type(None):
            continue
        try:
            return _decode_value(member, value, path, limits, substitutes)
        except ConfigError as error:
            failure = failure or error
    if type(None) in members and value == "none":
        return None  # TOML has no null
    others = [member for member in members if member is not type(None)]
    if len(others) == 1 and others[0] not in (bool, int, float, str) and failure is not None:
        raise failure  # it says more than the whole annotation could
    raise _wrong(path, _words(kind, limits), value)


def _decode_tuple(
    kind: Any, value: Any, path: str, limits: Mapping[str, Any], substitutes: Mapping[str, type]
) -> tuple[Any, ...]:
    members = typing.get_args(kind)
    if not isinstance(value, list | tuple):
        raise _wrong(path, _words(kind, limits), value)
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    elif len(members) != len(value):
        raise _wrong(path, _words(kind, limits), value)
    return tuple(
        _decode_value(member, item, f"{path}[{index}]", limits, substitutes)
        for index, (member, item) in enumerate(zip(members, value, strict=True))
    )


def _within(value: Any, path: str, expected: str, limits: Mapping[str, Any]) -> Any:
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        raise _wrong_choice(path, choices, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = limits.get("minimum"), limits.get("maximum")
        above, below = limits.get("above"), limits.get("below")
        if (
            (low is not None and value < low)
            or (high is not None and value > high)
            or (above is not None and value <= above)
            or (below is not None and value >= below)
        ):
            raise _wrong(path, expected, value)
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _nested_config(kind: Any) -> type | None:
    """The dataclass behind an annotation, also behind an optional one."""
    is_union = typing.get_origin(kind) in (Union, types.UnionType)
    for candidate in typing.get_args(kind) if is_union else (kind,):
        if isinstance(candidate, type) and dataclasses.is_dataclass(candidate):
            return candidate
    return None


def _words(kind: Any, limits: Mapping[str, Any]) -> str:
    """An annotation and its bounds as a person would say them."""
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        members = typing.get_args(kind)
        named = [_words(member, limits) for member in members if member is not type(None)]
        return " or ".join([*named, "none"] if type(None) in members else named)
    if origin is Literal:
        return "one of " + ", ".join(json.dumps(choice) for choice in typing.get_args(kind))
    if limits.get("choices") is not None:
        return "one of " + ", ".join(json.dumps(choice) for choice in limits["choices"])
    if origin is tuple:
        members = typing.get_args(kind)
        if len(members) == 2 and members[1] is Ellipsis:
            return f"a list, each {_words(members[0], limits)}"
        return f"a list of {len(members)} ({', '.join(_words(m, limits) for m in members)})"
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return f"a table of {kind.__name__} keys"
    plain = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
    bounds = [
        f"{sign} {limits[name]}"
        for name, sign in (("minimum", ">="), ("above", ">"), ("maximum", "<="), ("below", "<"))
        if limits.get(name) is not None
    ]
    return " ".join([plain.get(kind, str(kind)), " and ".join(bounds)]).strip()


def _show(value: Any) -> str:
    """A value as it would stand in TOML, cut when long."""
    try:
        text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _wrong(path: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"{path or 'the config'}: expected {expected}, found {_show(value)}")


def _wrong_choice(path: str, choices: Sequence[Any], value: Any) -> ConfigError:
    words = [choice for choice in choices if isinstance(choice, str)]
    guess = nearest(value, words) if isinstance(value, str) else None
    hint = f"; did you mean {json.dumps(guess)}?" if guess is not None else ""
    allowed = ", ".join(json.dumps(choice) for choice in choices)
    return ConfigError(f"{path}: expected one of {allowed}, found {_show(value)}{hint}")


def _unknown_key(cls: type, key: str, path: str, substitutes: Mapping[str, type]) -> str:
    """The message for an undeclared key: the nearest sibling, else a deeper key of that name."""
    here = _join(path, key)
    siblings = list(_fields(cls))
    guess = nearest(key, siblings)
    if guess is not None:
        return f"{here}: no such key; did you mean {_join(path, guess)}?"
    deeper = [row.path for row in describe(cls, path=path, substitutes=substitutes)]
    same_leaf = [dotted for dotted in deeper if dotted.rpartition(".")[2] == key]
    if same_leaf:
        return f"{here}: no such key; did you mean {' or '.join(same_leaf)}?"
    by_leaf = {dotted.rpartition(".")[2]: dotted for dotted in deeper}
    near_leaf = nearest(key, by_leaf)
    if near_leaf is not None:
        return f"{here}: no such key; did you mean {by_leaf[near_leaf]}?"
    return f"{here}: no such key; keys here: {', '.join(_join(path, name) for name in siblings)}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _deep_copy(tree: Tree) -> dict[str, Any]:
    return {k: _deep_copy(v) if isinstance(v, Mapping) else v for k, v in tree.items()}


def _toml_lines(tree: Tree, path: str) -> Iterator[str]:
    for key, value in tree.items():
        if not isinstance(value, Mapping):
            # JSON's scalars and lists are TOML's, but for the characters that TOML escapes more of
            text = json.dumps("none" if value is None else value, ensure_ascii=False)
            text = text.replace("\x7f", "\\u007f")
            yield f"{key} = {text}\n"
    for key, value in tree.items():
        if isinstance(value, Mapping):
            here = _join(path, key)
            yield f"\n[{here}]\n"
            yield from _toml_lines(value, here)
