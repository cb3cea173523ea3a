"""Checkpoints and metrics: complete or absent, damage named, the old kept until the new is safe."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from primetone.errors import FileError, FormatError, RunError
from primetone.training import checkpoint as checkpoint_module
from primetone.training.checkpoint import Checkpoint, CheckpointStore
from primetone.training.metrics import MetricsLog, read_metrics


def example(step: int) -> Checkpoint:
    return Checkpoint(
        step=step,
        model={"weight": torch.full((2, 3), float(step))},
        optimizer={"weight/exp_avg": torch.ones(2, 3), "weight/step": torch.tensor(4.0)},
        state={"tokens": 10 * step},
    )


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints")
    assert store.latest() is None
    path = store.save(example(3))
    assert sorted(os.listdir(path)) == [
        "manifest.json",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]
    found = store.load(3)
    assert torch.equal(found.model["weight"], example(3).model["weight"])
    assert found.optimizer.keys() == example(3).optimizer.keys()
    assert found.state == {"tokens": 30, "step": 3}
    assert store.load_model(3).keys() == {"weight"}
    assert store.latest() == 3


def test_the_newest_stay_and_latest_names_the_last(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for step in (5, 10, 100):
        store.save(example(step))
    assert store.steps() == [10, 100]
    assert (tmp_path / "latest").read_text() == "step_100\n"
    assert sorted(os.listdir(tmp_path)) == ["latest", "step_10", "step_100"]


def test_what_a_kill_left_of_any_step_is_swept(tmp_path: Path) -> None:
    for name in (".step_7.99999.tmp", ".step_3.99999-1.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"half")
    CheckpointStore(tmp_path).save(example(9))
    assert sorted(os.listdir(tmp_path)) == ["latest", "step_9"]


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damage_is_named(tmp_path: Path, name: str, damage: str) -> None:
    store = CheckpointStore(tmp_path)
    path = store.save(example(1)) / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[-2] ^= 1
        path.write_bytes(content if damage == "flip" else content[:-5])
    with pytest.raises(FormatError, match=name):
        store.load(1)


def test_a_full_disk_keeps_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    store.save(example(1))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "_write_tensors", full)
        with pytest.raises(FileError, match="disk is full"):
            store.save(example(2))
    assert store.latest() == 1
    assert store.load(1).step == 1
    assert sorted(os.listdir(tmp_path)) == ["latest", "step_1"]
    store.save(example(2))
    assert store.steps() == [2]


def test_a_missing_step_lists_those_there(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(example(4))
    with pytest.raises(RunError, match="step 5 .* found steps: 4"):
        store.load(5)
    (tmp_path / "latest").write_text("step_9\n")
    with pytest.raises(RunError, match="'step_9'; the steps there are: 4"):
        store.latest()


def test_metrics_are_on_disk_line_by_line_and_cut_on_resume(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.keep_until(3)
    for step in (1, 2, 3):
        line = log.write("train", step, {"loss": 1.0 / step})
        assert json.loads(log.path.read_text().splitlines()[-1]) == line
    with log.path.open("a") as file:
        file.write('{"event": "train", "st')
    assert [line["step"] for line in read_metrics(log.path)] == [1, 2, 3]
    log.keep_until(2)
    log.write("evaluate", 2, {"nats_per_token": 2.5})
    assert [(line["event"], line["step"]) for line in read_metrics(log.path)] == [
        ("train", 1),
        ("train", 2),
        ("evaluate", 2),
    ]


@pytest.mark.parametrize("damaged", [b"{broken\n", b"\xff\n", b"3\n", b'{"event": "train"}\n'])
def test_a_damaged_line_of_metrics_is_named(tmp_path: Path, damaged: bytes) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write("train", 1, {"loss": 1.0})
    with log.path.open("ab") as file:
        file.write(damaged)
    log.write("train", 3, {"loss": 1.0})
    with pytest.raises(FormatError, match=r"metrics\.jsonl is damaged.* in line 2"):
        list(read_metrics(log.path))


def test_metrics_that_cannot_be_written_say_where(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        MetricsLog(tmp_path / "absent" / "metrics.jsonl").write("train", 1, {})
