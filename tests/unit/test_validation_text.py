"""A validation text of its own, and the recipe that was made for one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import primetone
from primetone.errors import ConfigError, RunError, TextError
from primetone.recipe import load_recipe
from primetone.text.corpus import Corpus
from primetone.text.store_writer import write_store
from primetone.text.tokenizer import Tokenizer
from primetone.training.metrics import read_metrics

OVERRIDES = [
    "tokenizer.vocab_size=90",
    "model.context=8",
    "model.layers=1",
    "model.width=8",
    "model.heads=2",
    "train.batch_size=4",
    "train.epochs=3",
    "train.patience=1",
    "train.precision=float32",
    "generate.max_tokens=5",
]
TRAIN = "The cat sat on the mat.\nA dog, too, sat there!\n" * 40
OTHER = "The dog sat there, on a cat?\n" * 9


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def texts(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "other.txt").write_text(OTHER)
    return tmp_path / "train.txt", tmp_path / "other.txt"


def test_all_data_is_trained_on_where_the_validation_text_is_apart(
    texts: tuple[Path, Path], tmp_path: Path
) -> None:
    data, other = texts
    how = {"overrides": OVERRIDES, "validation": other}
    run = primetone.train("bpe-classic", data, tmp_path / "run", **how)
    words = re.findall(r"\S+", TRAIN.lower())
    ids = run.data().train.ids
    assert run.tokenizer.decode(ids[ids > 3]).split() == words
    held = run.data().validation.ids
    text = run.tokenizer.decode(held[held > 3])
    assert text.split() == [word.replace("?", "") for word in re.findall(r"\S+", OTHER.lower())]
    lines = list(read_metrics(run.metrics_path))
    smoothed = [line for line in lines if line["event"] == "train"]
    assert all(line["loss"] != line["nats_per_token"] for line in smoothed)
    judged = {line["step"]: line["nats_per_token"] for line in lines if line["event"] == "evaluate"}
    assert run.facts()["best_step"] == min(judged, key=lambda step: judged[step])
    assert len(judged) >= 2
    with pytest.raises(RunError, match="leave --validation out"):
        primetone.train(
            "bpe-classic",
            None,
            run.path,
            overrides=OVERRIDES,
            validation=data,
            resume="auto",
        )
    record = json.loads((run.path / "data.json").read_text())["data"]
    assert record["validation_sources"] == [str(other)]


def test_a_validation_text_that_says_nothing_is_refused(
    texts: tuple[Path, Path], tmp_path: Path
) -> None:
    data, other = texts

    def train(validation: object, source: object = data) -> None:
        primetone.train(
            "bpe-classic", source, tmp_path / "run", overrides=OVERRIDES, validation=validation
        )

    with pytest.raises(TextError, match="is the training text"):
        train(data)
    (tmp_path / "short.txt").write_text("a cat")
    with pytest.raises(TextError, match="at least 9 validation tokens"):
        train(tmp_path / "short.txt")
    store = tmp_path / "store"
    write_store(store, Corpus.read(data), Tokenizer.bytes())
    with pytest.raises(ConfigError, match="token store"):
        train(other, store)
    with pytest.raises(ConfigError, match="token store"):
        train(store)
    assert not (tmp_path / "run").exists()


def test_settings_of_words_of_characters_go_together() -> None:
    with pytest.raises(ConfigError, match="units: expected bytes where kind is char"):
        load_recipe("char", ["tokenizer.units=characters"])
    with pytest.raises(ConfigError, match="case: expected kept"):
        load_recipe("decoder", ["tokenizer.case=lower"])
