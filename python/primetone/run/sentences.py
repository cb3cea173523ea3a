"""Where rows are whole documents: their end, their text, and a model's sentences beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from primetone.contracts import TokenStream, WritesSentences
from primetone.errors import ConfigError
from primetone.evaluation.sample_report import SampleReport, report_samples
from primetone.recipe import DataConfig
from primetone.run.data import RunData, read_corpus
from primetone.text.corpus import Corpus
from primetone.text.tokenizer import Tokenizer
from primetone.text.toy_grammar import toy_language, toy_sentences
from primetone.training.documents import document_bounds

if TYPE_CHECKING:
    import torch


def end_of_text(tokenizer: Tokenizer) -> int:
    """The token that ends documents; ConfigError where there is none."""
    end_id = tokenizer.eos_id
    if end_id is None:
        raise ConfigError(
            "this family reads whole documents: expected a tokenizer with a token that ends a "
            "text, found none; leave tokenizer.specials at all"
        )
    return end_id


def builtin_corpus(data: DataConfig) -> Corpus | None:
    """The text that a recipe names in place of files, if it does."""
    return Corpus.from_texts(toy_sentences()) if data.builtin == "toy-grammar" else None


def known_language(data: DataConfig, fingerprint: str) -> Mapping[str, float] | None:
    """Every sentence with its probability, where the text of that fingerprint is a builtin one."""
    corpus = builtin_corpus(data)
    return toy_language() if corpus is not None and corpus.fingerprint == fingerprint else None


def read_sentences(path: str | os.PathLike[str], data: DataConfig) -> list[str]:
    """The documents of a text of the user's, read as the run's own data was."""
    return [text.decode("utf-8", "replace") for text in read_corpus(data, [path]).texts()]


def report_sentences(
    family: WritesSentences,
    model: torch.nn.Module,
    tokenizer: Tokenizer,
    streams: RunData,
    *,
    references: Sequence[str] | None,
    language: Mapping[str, float] | None,
    count: int,
    temperatures: Sequence[float],
    seed: int,
    say: Callable[[str], None],
) -> SampleReport:
    """A model's sentences at several temperatures beside real and counted ones.

    `references` are those of the validation text where none are given.
    """
    end_id, written = end_of_text(tokenizer), {}
    for temperature in temperatures:
        say(f"writing at temperature {temperature:g}")
        ids = family.sentences(
            model, count=count, end_id=end_id, temperature=temperature, seed=seed
        )
        written[f"model, T {temperature:g}"] = [tokenizer.decode(row) for row in ids]
    say("measuring")
    return report_samples(
        written,
        references=_documents(streams.validation, tokenizer) if references is None else references,
        training=_documents(streams.train, tokenizer),
        seed=seed,
        language=language,
    )


def _documents(stream: TokenStream, tokenizer: Tokenizer) -> list[str]:
    """The text of every document of a stream."""
    ids = np.asarray(stream.ids)
    starts, ends = document_bounds(ids, end_of_text(tokenizer))
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [tokenizer.decode(ids[start:end]) for start, end in pairs if end > start]
