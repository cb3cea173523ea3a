"""Tokenizer files: which format a name means, what stands beside it, errors that name the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

from primetone import _rust_tok
from primetone.errors import (
    ConfigError,
    FileError,
    FormatError,
    PatternError,
    VocabularyError,
)
from primetone.files import explained, json_bytes, read_json, write_atomically

TokenizerFormat = Literal["json", "tiktoken", "gpt2", "tekken", "merges", "csv"]
"""tokenizer.json; .tiktoken; vocab.json with merges.txt; tekken.json; our .merges; id,word rows."""

FORMATS: tuple[TokenizerFormat, ...] = get_args(TokenizerFormat)


class Said(TypedDict, total=False):
    """What a caller says of a file that does not say it; ``Tokenizer.load`` explains each."""

    split: str | None
    pattern: str | None
    specials: Mapping[str, int] | None
    lowercase: bool | None
    unknown: str | None


_META_FORMAT, _META_VERSION = "primetone tokenizer meta", 1
_NAMES = "tokenizer.json, *.tiktoken, merges.txt with vocab.json, tekken.json, *.merges or *.csv"


def format_of(path: Path) -> TokenizerFormat | None:
    """The format that a file name means, if it means one."""
    if path.suffix == ".tiktoken":
        return "tiktoken"
    if path.suffix == ".merges":
        return "merges"
    if path.suffix == ".csv":
        return "csv"
    if path.name.endswith(("merges.txt", "vocab.json", "vocab.txt")):
        return "gpt2"
    if path.suffix == ".json":
        return "tekken" if "tekken" in path.name else "json"
    return None


def require_format(path: Path) -> TokenizerFormat:
    """The format to write that a file name means; ConfigError where it means none."""
    chosen = format_of(path)
    if chosen is None:
        raise ConfigError(f"{path}: expected a name that says the format to write: {_NAMES}")
    return chosen


def read_core(
    path: Path,
    format: TokenizerFormat | None,
    *,
    split: str | None = None,
    pattern: str | None = None,
    specials: Mapping[str, int] | None = None,
    lowercase: bool | None = None,
    unknown: str | None = None,
) -> _rust_tok.Tokenizer:
    """The tokenizer of a file, or of the ``tokenizer.json`` in a folder; see ``Tokenizer.load``."""
    if path.is_dir():
        path = path / "tokenizer.json"
    if not path.exists():
        raise FileError(
            f"{path}: no such file; expected {_NAMES}, or a folder with a tokenizer.json"
        )
    given = {"split": split, "pattern": pattern, "specials": specials}
    of_words = {"lowercase": lowercase, "unknown": unknown}
    chosen = _checked(format) or format_of(path)
    if chosen == "tiktoken":
        _refuse(path, "a .tiktoken file, whose tokens are bytes", of_words)
        said, seal = _what_is_said(path, given)
        if said["split"] is None and said["pattern"] is None:
            raise ConfigError(
                f"{path}: a .tiktoken file does not say how to split text; give split= (gpt2, "
                "gpt4, o200k, llama3, qwen2, tekken, none) or pattern="
            )
        data = _read(path)
        with _naming(path):
            return _sealed(_rust_tok.read_tiktoken(data, **said), seal)
    if chosen == "gpt2":
        return _read_two_files(path, given, of_words)
    if chosen is None:
        raise FormatError(f"{path}: expected {_NAMES}, or a folder with a tokenizer.json")
    _refuse(path, f"{path.name}, which says it itself", {**given, **of_words})
    data = _read(path)
    with _naming(path):
        if chosen == "tekken":
            return _rust_tok.read_tekken(data)
        if chosen == "csv":
            core, never_found = _rust_tok.read_word_list(data)
            _warn_of_words(path, never_found)
            return core
        read = _rust_tok.read_merges if chosen == "merges" else _rust_tok.read_tokenizer_json
        core, unicode_version = read(data)
    if unicode_version is not None:
        _warn_of_unicode(path, unicode_version)
    return core


def _read_two_files(
    path: Path, given: Mapping[str, Any], of_words: Mapping[str, Any]
) -> _rust_tok.Tokenizer:
    """``merges.txt`` with ``vocab.json`` (bytes), or with ``vocab.txt`` (words of characters)."""
    stem = path.name
    for ending in ("merges.txt", "vocab.json", "vocab.txt"):
        stem = stem.removesuffix(ending)
    merges = path.with_name(stem + "merges.txt")
    listed, spelled = path.with_name(stem + "vocab.txt"), path.with_name(stem + "vocab.json")
    if listed.exists() and not spelled.exists():
        _refuse(merges, "merges of characters, which split at white space", given)
        if of_words["lowercase"] is None:
            raise ConfigError(
                f"{merges}: merges of characters with a {listed.name} do not say whether words "
                "are lower-cased; give lowercase=True or lowercase=False"
            )
        with _naming(merges):
            return _rust_tok.read_character_merges(_read(listed), _read(merges), **of_words)
    _refuse(merges, f"merges of bytes, as {spelled.name} lists them", of_words)
    said, seal = _what_is_said(merges, given)
    if said["split"] is None and said["pattern"] is None:
        said["split"] = "gpt2"
    with _naming(merges):
        return _sealed(_rust_tok.read_gpt2(_read(spelled), _read(merges), **said), seal)


def write_core(core: _rust_tok.Tokenizer, path: Path, format: TokenizerFormat | None) -> list[Path]:
    """Write a format, by default the one that the name of ``path`` means: the files written.

    See ``Tokenizer.save``.
    """
    chosen = _checked(format) or require_format(path)
    meant = format_of(path)
    if meant not in (None, chosen):
        raise ConfigError(
            f"{path}: the name means {meant}, and the format asked for is {chosen}: expected "
            f"{_NAMES}"
        )
    files: dict[Path, bytes] = {}
    if chosen == "gpt2":
        if not path.name.endswith("merges.txt"):
            raise ConfigError(
                f"{path}: expected a name that ends in merges.txt; the vocabulary goes into "
                "vocab.json beside it"
            )
        vocab, merges = _rust_tok.write_gpt2(core)
        files[path.with_name(path.name.removesuffix("merges.txt") + "vocab.json")] = vocab
        files[_meta_path(path)] = _meta(core)
        files[path] = merges
    elif chosen == "tiktoken":
        data = _rust_tok.write_tiktoken(core)
        files = {_meta_path(path): _meta(core), path: data}
    elif chosen == "tekken":
        files[path] = _rust_tok.write_tekken(core)
    elif chosen == "merges":
        files[path] = _rust_tok.write_merges(core)
    elif chosen == "csv":
        files[path] = _rust_tok.write_word_list(core)
    else:
        files[path] = _rust_tok.write_tokenizer_json(core)
    for file, data in files.items():
        write_atomically(file, data)
    return list(files)


def _checked(format: TokenizerFormat | None) -> TokenizerFormat | None:
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format must be one of {', '.join(FORMATS)}; found {format!r}")
    return format


def _refuse(path: Path, what: str, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{path}: {name}= is not for {what}")


def _read(path: Path) -> bytes:
    with explained(path, "read the tokenizer"):
        return path.read_bytes()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the path before the message of a tokenizer that cannot be read."""
    try:
        yield
    except (FormatError, VocabularyError) as error:
        raise type(error)(f"{path}: {error}") from None
    except PatternError as error:
        raise PatternError(f"{path}: its split cannot be used: {error}") from None


def _meta_path(path: Path) -> Path:
    return path.with_name(path.name + ".meta.json")


def _meta(core: _rust_tok.Tokenizer) -> bytes:
    is_custom = core.split == "custom"
    return json_bytes(
        {
            "format": _META_FORMAT,
            "version": _META_VERSION,
            "fingerprint": core.fingerprint,
            "split": None if is_custom else core.split,
            "pattern": core.pattern if is_custom else None,
            "specials": dict(core.specials),
            "unicode_version": _rust_tok.UNICODE_VERSION,
        }
    )


def _sealed(core: _rust_tok.Tokenizer, seal: str | None) -> _rust_tok.Tokenizer:
    """``core``, if it is what the side file was written with."""
    if seal is not None and core.fingerprint != seal:
        raise FormatError(
            f"its side file says fingerprint {seal}, the content has {core.fingerprint}: one of "
            "them was damaged or replaced; restore it, or remove the side file and say the split"
        )
    return core


def _what_is_said(path: Path, given: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Split, pattern and specials: as given, else as the side file says, else unknown.

    Also the fingerprint that they should give, if the side file says the same of all of them.
    """
    said, seal = dict(given), None
    if _meta_path(path).exists():
        stored = _read_meta(_meta_path(path))
        if said["split"] is None and said["pattern"] is None:
            said.update(split=stored["split"], pattern=stored["pattern"])
            _warn_of_unicode(_meta_path(path), stored.get("unicode_version"))
        if said["specials"] is None:
            said["specials"] = stored["specials"]
        is_same = all(said[name] == stored[name] for name in said)
        if is_same and stored.get("unicode_version") == _rust_tok.UNICODE_VERSION:
            seal = stored.get("fingerprint")
    said["specials"] = list((said["specials"] or {}).items())
    return said, seal


def _read_meta(path: Path) -> dict[str, Any]:
    """A side file as `_meta` wrote it; FormatError for anything else."""
    meta = read_json(path)
    if not isinstance(meta, dict) or meta.get("format") != _META_FORMAT:
        raise FormatError(f"{path}: not the side file of a tokenizer; remove it")
    if meta.get("version") != _META_VERSION:
        raise FormatError(
            f"{path}: expected version {_META_VERSION}, found {meta.get('version')!r}; "
            "a newer primetone may have written it"
        )
    specials = meta.get("specials")
    is_sound = (
        all(isinstance(meta.get(name), str | None) for name in ("split", "pattern"))
        and isinstance(specials, dict)
        and all(type(token_id) is int and 0 <= token_id < 1 << 32 for token_id in specials.values())
    )
    if not is_sound:
        raise FormatError(
            f"{path} is damaged: expected split and pattern as text or null, and specials as names "
            "with ids; save the tokenizer again, or remove the file and say them when loading"
        )
    return {"split": None, "pattern": None, **meta}


def _warn_of_words(path: Path, never_found: list[str]) -> None:
    """Entries that text is never cut to keep their ids, but are dead."""
    if never_found:
        some = ", ".join(map(repr, never_found[:5])) + (", ..." if len(never_found) > 5 else "")
        warnings.warn(
            f"{path}: {len(never_found):,} of its entries are no word as text is cut and put in "
            f"lower case (docs/words.md), so no text will have them: {some}",
            stacklevel=5,
        )


def _warn_of_unicode(path: Path, version: str | None) -> None:
    """Letters, numbers and spaces are what the Unicode version of the build says."""
    if version != _rust_tok.UNICODE_VERSION:
        warnings.warn(
            f"{path}: written with Unicode {version}, read with {_rust_tok.UNICODE_VERSION}: texts "
            "with characters that are new in one of them may split differently",
            stacklevel=5,
        )
