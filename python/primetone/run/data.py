"""What a run trains and validates on: stores made from text, or spans of a token store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from primetone.config import decode, encode, option
from primetone.contracts import TokenStream, Window
from primetone.errors import ConfigError, FormatError, RunError, TextError
from primetone.files import read_json, write_json
from primetone.recipe import DataConfig, Recipe, TokenizerConfig
from primetone.text.corpus import Corpus, CorpusSplit
from primetone.text.special_names import CHARACTER_SPECIALS
from primetone.text.store import TokenStore, is_store
from primetone.text.store_writer import write_store
from primetone.text.tokenizer import Tokenizer

Sources = Sequence[str | os.PathLike[str]] | Corpus
"""Texts, or one token store, by their paths; or a corpus that is in memory."""
StageProgress = Callable[[str, int, int], None]

DATA_FILE = "data.json"
TOKENIZER = "tokenizer.json"
FOLDER = "data"
FORMAT, VERSION = "primetone-run-data", 1


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """What data.json says: where the data came from and how to know it again."""

    kind: Literal["text", "store"] = option(help="made from text, or spans of a store elsewhere")
    sources: tuple[str, ...] = option(help="the texts, or the store, as absolute paths")
    fingerprint: str = option(help="of the corpus, or of the store")
    validation_sources: tuple[str, ...] = option((), "the texts to validate on, if given apart")
    validation_fingerprint: str = option("", "of the validation text, if given apart")
    train_tokens: int = option(help="tokens to train on", minimum=1)
    validation_tokens: int = option(help="tokens to validate on", minimum=1)


@dataclass(frozen=True, kw_only=True)
class RunData:
    """The two streams of a run; they share no text."""

    train: TokenStream
    validation: TokenStream


def prepare_data(
    folder: Path,
    recipe: Recipe,
    sources: Sources,
    *,
    window: Window,
    validation: Sources | None = None,
    tokenizer: Tokenizer | None = None,
    progress: StageProgress | None = None,
) -> Tokenizer:
    """Write what a run in `folder` needs of its data, and data.json; the tokenizer it is of.

    All of `sources` is trained on where `validation` is a text apart. Errors: TextError when a side
    has too few tokens or both are one text, StoreError when a store is of another tokenizer than
    `tokenizer`.
    """
    if tokenizer is not None:
        _require_kind(recipe, tokenizer, "tokenizer given")
    if (store := _only_store(sources)) is not None:
        if validation is not None:
            raise ConfigError(
                "expected text to train on where a validation text is given apart, found a token "
                f"store: {store}; give both as text, or leave --validation out"
            )
        found, record = _take_store(recipe, store, tokenizer)
        _require_kind(recipe, found, "tokenizer of the store")
    else:
        found, record = _encode_text(folder, recipe, sources, validation, tokenizer, progress)
    require_tokens(record, window)
    head = {"format": FORMAT, "version": VERSION}
    write_json(folder / DATA_FILE, {**head, "data": encode(record)})
    return found


def read_record(folder: Path) -> DataRecord:
    """The data.json of a run."""
    path = folder / DATA_FILE
    tree = read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise FormatError(f'{path}: expected "format": "{FORMAT}", found another file')
    if tree.get("version") != VERSION:
        raise FormatError(f"{path}: expected version {VERSION}, found {tree.get('version')!r}")
    try:
        return decode(DataRecord, tree.get("data"))  # type: ignore[arg-type]
    except ConfigError as error:
        raise FormatError(f"{path} is damaged: {error}") from error


def open_data(folder: Path, record: DataRecord, tokenizer: Tokenizer) -> RunData:
    """The two streams, checked against their checksums."""
    if record.kind == "text":
        return RunData(
            train=TokenStore.open(folder / FOLDER / "train", tokenizer=tokenizer),
            validation=TokenStore.open(folder / FOLDER / "validation", tokenizer=tokenizer),
        )
    store = TokenStore.open(record.sources[0], tokenizer=tokenizer)
    if store.fingerprint != record.fingerprint:
        raise RunError(
            f"{store.path} is another store than the one this run was made with: expected the "
            f"fingerprint {record.fingerprint}, found {store.fingerprint}; put the old one back"
        )
    return RunData(
        train=store.slice(0, record.train_tokens),
        validation=store.slice(record.train_tokens, store.num_tokens),
    )


def require_same_data(
    record: DataRecord, recipe: Recipe, sources: Sources | None, validation: Sources | None
) -> None:
    """A resumed run goes on with the data it began with, or not at all."""
    sides = (
        ("--data", sources, record.sources, record.fingerprint),
        ("--validation", validation, record.validation_sources, record.validation_fingerprint),
    )
    for option_name, given, names, fingerprint in sides:
        if given is None:
            continue
        if (store := _only_store(given)) is not None:
            found = TokenStore.open(store, verify=False).fingerprint
        else:
            found = read_corpus(recipe.data, given).fingerprint
        if found != fingerprint:
            raise RunError(
                "cannot resume with other data: expected the content that the run began with "
                f"({', '.join(names) or 'none'}, fingerprint {fingerprint or 'none'}), found "
                f"{', '.join(_names(given))} with {found}; leave {option_name} out, or start a new "
                "run"
            )


def text_of(stream: TokenStream, tokenizer: Tokenizer, *, max_bytes: int | None = None) -> bytes:
    """The text that a stream stands for, without special tokens; the last `max_bytes` if given."""
    ids = np.asarray(stream.ids)
    if max_bytes is not None:
        ids = ids[max(0, len(ids) - max_bytes) :]  # a token is a byte at least, specials apart
    is_text = tokenizer.token_lengths()[ids] > 0
    data = tokenizer.decode_bytes(ids[is_text])
    return data if max_bytes is None else data[-max_bytes:]


def learn_tokenizer(
    config: TokenizerConfig,
    corpus: Corpus,
    split: CorpusSplit,
    progress: StageProgress | None = None,
) -> Tokenizer:
    """The tokenizer that a recipe asks for.

    Merges and words are learned from the training side alone. An alphabet is taken from the whole
    text: which characters exist is no secret worth an error at the first rare one.
    """
    match config.kind:
        case "bpe" if config.units == "characters":
            return Tokenizer.learn_characters(
                split.train.texts(),
                vocab_size=config.vocab_size,
                lowercase=config.case == "lower",
                unknown=config.unknown,
                progress=progress,
            )
        case "bpe" | "word":
            learn = Tokenizer.learn if config.kind == "bpe" else Tokenizer.words
            return learn(
                split.train.texts(),
                vocab_size=config.vocab_size,
                split=config.split,
                progress=progress,
            )
        case "char":
            kept = CHARACTER_SPECIALS if config.specials == "all" else ()
            return Tokenizer.characters(corpus.texts(), unknown=config.unknown, specials=kept)
        case "byte":
            return Tokenizer.bytes()


def _only_store(sources: Sources) -> str | os.PathLike[str] | None:
    """The token store, where it is what the data is."""
    if isinstance(sources, Corpus) or len(sources) != 1 or not is_store(sources[0]):
        return None
    return sources[0]


def _names(sources: Sources) -> tuple[str, ...]:
    if isinstance(sources, Corpus):
        return (repr(sources),)
    return tuple("-" if str(one) == "-" else str(Path(one).absolute()) for one in sources)


def read_corpus(data: DataConfig, sources: Sources) -> Corpus:
    """The texts, read as a recipe says."""
    if isinstance(sources, Corpus):
        return sources
    return Corpus.read(
        list(sources),
        encoding=data.encoding,
        field=data.field,
        per=data.per,
        separator=data.separator,
    )


def _encode_text(
    folder: Path,
    recipe: Recipe,
    sources: Sources,
    validation_sources: Sources | None,
    tokenizer: Tokenizer | None,
    progress: StageProgress | None,
) -> tuple[Tokenizer, DataRecord]:
    corpus = read_corpus(recipe.data, sources)
    if validation_sources is None:
        split = corpus.split(recipe.data.validation_fraction, by=recipe.data.split_by)
    else:
        split = _pair(corpus, recipe.data, validation_sources)
    if tokenizer is None:
        tokenizer = learn_tokenizer(recipe.tokenizer, corpus, split, progress)
    stores = folder / FOLDER
    train = write_store(stores / "train", split.train, tokenizer, progress=progress)
    validation = write_store(stores / "validation", split.validation, tokenizer, progress=progress)
    return tokenizer, DataRecord(
        kind="text",
        sources=_names(sources),
        fingerprint=corpus.fingerprint,
        validation_sources=() if validation_sources is None else _names(validation_sources),
        validation_fingerprint=("" if validation_sources is None else split.validation.fingerprint),
        train_tokens=train.num_tokens,
        validation_tokens=validation.num_tokens,
    )


def _pair(corpus: Corpus, data: DataConfig, sources: Sources) -> CorpusSplit:
    """Texts to train on beside a validation text of their own; TextError if they are the same."""
    if _only_store(sources) is not None:
        raise ConfigError("expected a text to validate on, found a token store: give its text")
    apart = read_corpus(data, sources)
    if apart.fingerprint == corpus.fingerprint:
        raise TextError(
            f"the validation text is the training text ({', '.join(_names(sources))}): expected "
            "another one; give a text that is not trained on, or leave --validation out"
        )
    return CorpusSplit(corpus, apart)


def _take_store(
    recipe: Recipe, source: str | os.PathLike[str], tokenizer: Tokenizer | None
) -> tuple[Tokenizer, DataRecord]:
    store = TokenStore.open(source, tokenizer=tokenizer)
    train, validation = store.split_tail(recipe.data.validation_fraction)
    return tokenizer or store.tokenizer(), DataRecord(
        kind="store",
        sources=_names([source]),
        fingerprint=store.fingerprint,
        train_tokens=len(train),
        validation_tokens=len(validation),
    )


def _require_kind(recipe: Recipe, found: Tokenizer, which: str) -> None:
    """A recipe for characters is no recipe for BPE, and recipe.json should not say so."""
    wanted = recipe.tokenizer.kind
    if found.kind != wanted:
        raise ConfigError(
            f"the recipe is for {wanted} tokens, the {which} makes {found.kind} tokens: give text, "
            f"or say that you mean it by tokenizer.kind={found.kind}"
        )


def require_tokens(record: DataRecord, window: Window) -> None:
    """TextError unless both sides have a window's worth."""
    shortest = window.span if record.validation_sources else 1 + window.shift
    needed = {"train": window.span, "validation": shortest}
    found = {"train": record.train_tokens, "validation": record.validation_tokens}
    for side, number in needed.items():
        if found[side] < number:
            raise TextError(
                f"the text is too short: expected at least {number:,} {side} tokens (the context "
                f"is {window.length:,}), found {found[side]:,}; give more text, or set "
                f"{'model.length' if window.cut == 'documents' else 'model.context'} lower"
            )
