"""Tokenizer files: tokenizer.json, .tiktoken, vocab.json with merges.txt, and side files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from primetone import _rust_tok
from primetone.errors import ConfigError, FormatError, VocabularyError
from primetone.files import explained, json_bytes, read_json, write_atomically

_META_FORMAT, _META_VERSION = "primetone tokenizer meta", 1
_NO_SPLIT = (
    "does not say how to split text; give split= (gpt2, gpt4, o200k, llama3, qwen2, tekken, none) "
    "or pattern="
)


def read_core(
    path: Path,
    *,
    split: str | None,
    pattern: str | None,
    specials: Mapping[str, int] | None,
) -> _rust_tok.Tokenizer:
    """The tokenizer of a file, or of the ``tokenizer.json`` in a folder; see ``Tokenizer.load``."""
    if path.is_dir():
        path = path / "tokenizer.json"
    given = {"split": split, "pattern": pattern, "specials": specials}
    if path.suffix == ".tiktoken":
        data, said = _read(path), _what_is_said(path, given)
        if said["split"] is None and said["pattern"] is None:
            raise ConfigError(f"{path}: a .tiktoken file {_NO_SPLIT}")
        with _naming(path):
            return _rust_tok.Tokenizer.from_tiktoken(data, **said)
    if path.name.endswith(("merges.txt", "vocab.json")):
        vocab, merges = _gpt2_pair(path)
        said = _what_is_said(merges, given)
        if said["split"] is None and said["pattern"] is None:
            said["split"] = "gpt2"
        with _naming(merges):
            return _rust_tok.Tokenizer.from_gpt2(_read(vocab), _read(merges), **said)
    if path.suffix == ".json":
        data = _read(path)
        for name, value in given.items():
            if value is not None:
                raise ConfigError(
                    f"{path}: {name}= is not for tokenizer.json, which says it itself"
                )
        with _naming(path):
            return _rust_tok.Tokenizer.from_tokenizer_json(data)
    raise FormatError(
        f"{path}: expected tokenizer.json, *.tiktoken, vocab.json with merges.txt, or a folder "
        "with a tokenizer.json"
    )


def write_core(core: _rust_tok.Tokenizer, path: Path) -> None:
    """Write the format that the name of ``path`` asks for; see ``Tokenizer.save``."""
    if path.suffix == ".tiktoken":
        data = core.to_tiktoken()
        write_atomically(_meta_path(path), _meta(core))
    elif path.name.endswith("merges.txt"):
        vocab, data = core.to_gpt2()
        write_atomically(_gpt2_pair(path)[0], vocab)
        write_atomically(_meta_path(path), _meta(core))
    elif path.suffix == ".json" and not path.name.endswith("vocab.json"):
        data = core.to_tokenizer_json()
    else:
        raise ConfigError(
            f"{path}: expected a name that ends in .json, .tiktoken or merges.txt, which says the "
            "format to write"
        )
    write_atomically(path, data)


def _gpt2_pair(path: Path) -> tuple[Path, Path]:
    stem = path.name.removesuffix("merges.txt").removesuffix("vocab.json")
    return path.with_name(stem + "vocab.json"), path.with_name(stem + "merges.txt")


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


def _meta_path(path: Path) -> Path:
    return path.with_name(path.name + ".meta.json")


def _meta(core: _rust_tok.Tokenizer) -> bytes:
    is_custom = core.split == "custom"
    return json_bytes(
        {
            "format": _META_FORMAT,
            "version": _META_VERSION,
            "split": None if is_custom else core.split,
            "pattern": core.pattern if is_custom else None,
            "specials": dict(core.specials),
            "unicode_version": _rust_tok.UNICODE_VERSION,
        }
    )


def _what_is_said(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Split, pattern and specials: as given, else as the side file says, else unknown."""
    said = dict(given)
    if _meta_path(path).exists():
        stored = _read_meta(_meta_path(path))
        if said["split"] is None and said["pattern"] is None:
            said.update(split=stored["split"], pattern=stored["pattern"])
        if said["specials"] is None:
            said["specials"] = stored["specials"]
    said["specials"] = list((said["specials"] or {}).items())
    return said


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
