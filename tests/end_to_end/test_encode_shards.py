"""Encoding in shards and out of Parquet, from the command line."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from command_line import Call, assert_one_line_error, start
from primetone.text.corpus import Corpus
from primetone.text.store import TokenStore
from primetone.text.store_writer import write_store
from primetone.text.tokenizer import Tokenizer

TOKENIZER = Tokenizer.bytes()


def test_killed_in_the_middle_nothing_looks_finished(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": f"row {n} " * 50}) + "\n" for n in range(60_000)))
    TOKENIZER.save(tmp_path / "tokenizer.json")
    words = ("encode", tmp_path / "tokenizer.json", corpus, "--out", tmp_path / "s", "--shards", 4)
    for delay in (0.4, 0.7, 1.0):
        child = start(*words)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if (tmp_path / "s" / "parts.json").exists():
            visible = [name for name in os.listdir(tmp_path / "s") if name.startswith("part-")]
            for name in visible:
                TokenStore.open(tmp_path / "s" / name)  # whatever is there is whole
    child = start(*words)
    _, err = child.communicate()
    assert child.returncode == 0, err
    whole = write_store(tmp_path / "whole", Corpus.read(corpus), TOKENIZER)
    joined = TokenStore.open(tmp_path / "s")
    np.testing.assert_array_equal(np.asarray(joined.ids), whole.ids)
    assert not [name for name in os.listdir(tmp_path / "s") if name.endswith(".tmp")]


def test_shards_on_the_command_line(call: Call, made: Path, text: Path, tmp_path: Path) -> None:
    words = ("encode", made / "tokenizer.json", text, "--per", "line", "--out", tmp_path / "s")
    second = call(*words, "--shard", "2/2")
    assert second.code == 0
    assert "1 of 2 shards there; missing part-00001-of-00002" in second.out
    assert_one_line_error(call("inspect", "store", tmp_path / "s"), 1, "part-00001-of-00002")
    rest = json.loads(call(*words, "--shards", 2, "--json").out)
    assert [row["was_there"] for row in rest["shards"]] == [False, True]
    shown = json.loads(call("inspect", "store", tmp_path / "s", "--json").out)
    assert shown["num_tokens"] == sum(row["num_tokens"] for row in rest["shards"])
    assert_one_line_error(call(*words, "--shards", 2, "--shard", "1/2"), 2, "--shard")
    assert_one_line_error(call(*words, "--shard", "5/2"), 1, "found 5/2")
    assert_one_line_error(call(*words, "--shards", 0), 1, "shard")
    assert_one_line_error(call(*words, "--shards", 3), 1, "another number of shards")
    run = call(
        *("train", "decoder", "--data", tmp_path / "s", "--out", tmp_path / "run"),
        *("train.steps=2", "model.width=16", "model.layers=1", "model.heads=2", "model.context=8"),
    )
    assert run.code == 0, run.err


def test_the_command_line_takes_it(call: Call, made: Path, tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"body": ["The cat", "sat."]}), path)
    ids = call("encode", made / "tokenizer.json", path, "--field", "body")
    assert ids.code == 0 and ids.out.count("\n") == 2
