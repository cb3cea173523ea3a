"""Studies with tiny trainings: from the command to the best recipe, stopped, killed and failing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import primetone
from command_line import TINY, Call, assert_one_line_error, start
from primetone.errors import ConfigError, Error, RunError
from primetone.recipe import load_recipe
from primetone.tuning import open_study
from primetone.tuning.places import trial_folder

pytest.importorskip("optuna", reason="tuning needs optuna")

SETTINGS = (*TINY, "train.steps=9", "generate.max_tokens=1")
SPACE = {
    "optimizer": {"learning_rate": {"low": 1e-4, "high": 1e-2, "scale": "log"}},
    "train": {"batch_size": {"choices": [2, 4]}},
}


def settings_without(*keys: str) -> tuple[str, ...]:
    return tuple(word for word in SETTINGS if word.partition("=")[0] not in keys)


WORDS = settings_without("train.batch_size")


def study_of(text: Path, out: Path, **changes: Any) -> primetone.Study:
    how: dict[str, Any] = {"trials": 3, "overrides": WORDS, "space": SPACE, "pruner": "none"}
    return primetone.tune("decoder", text, out, **{**how, **changes})


@pytest.fixture(scope="module")
def studied(text: Path, tmp_path_factory: pytest.TempPathFactory) -> primetone.Study:
    """Three trials by one worker, of which one keeps its checkpoints."""
    return study_of(text, tmp_path_factory.mktemp("studies") / "s", keep=1)


def copy_of(study: primetone.Study, folder: Path) -> Path:
    shutil.copytree(study.path, folder)
    return folder


def test_a_study_from_beginning_to_end(
    studied: primetone.Study, text: Path, tmp_path: Path
) -> None:
    report, folder = studied.report, studied.path
    assert report["outcomes"] == {"complete": 3}
    assert json.loads((folder / "results.json").read_text()) == report
    values = [trial["value"] for trial in report["trials"]]
    best = int(np.argmin(values))
    assert report["best"] == best and len(set(values)) == 3
    for trial in report["trials"]:
        assert list(trial["curve"]) == [str(rung) for rung in range(1, 10)]
        assert trial["steps"] == {2: 36, 4: 18}[trial["values"]["train.batch_size"]]
        run = primetone.Run.open(trial_folder(folder, trial["number"]))
        assert (run.checkpoints.latest() is not None) == (trial["number"] == best)
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert f"| {best} | {values[best]:.4f} |" in (folder / "table.md").read_text()

    recipe = studied.best_recipe
    assert recipe == load_recipe(folder / "best.toml")
    run = primetone.train(str(folder / "best.toml"), text, tmp_path / "run")
    found = run.judge.quick(run.model(), np.asarray(run.data().validation.ids))["bits_per_byte"]
    assert found == values[best], "the best recipe trains the best trial again, to the same bits"


def test_the_data_is_encoded_once(studied: primetone.Study) -> None:
    (data,) = (studied.path / "data").iterdir()
    name = "data/train/ids.bin"
    places = {(trial_folder(studied.path, k) / name).stat().st_ino for k in range(3)}
    assert places == {(data / name).stat().st_ino}


def test_the_same_seed_gives_the_same_study(
    studied: primetone.Study, text: Path, tmp_path: Path
) -> None:
    """Also when it is made in two calls."""
    study_of(text, tmp_path / "s", trials=1)
    again = study_of(text, tmp_path / "s")
    for one, other in zip(studied.report["trials"], again.report["trials"], strict=True):
        assert one["values"] == other["values"]
        assert one["curve"] == other["curve"] and one["value"] == other["value"]


def test_a_complete_study_is_only_reported(
    studied: primetone.Study, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(studied, tmp_path / "s")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("everything is there already")

    monkeypatch.setattr(subprocess, "Popen", never)
    assert study_of(text, folder, keep=1).report == studied.report
    assert study_of(text, folder, trials=2, keep=1).report == studied.report
    moved = tmp_path / "moved.txt"
    shutil.copy(text, moved)
    assert primetone.tune(
        "decoder", moved, folder, trials=3, overrides=WORDS, space=SPACE, pruner="none"
    )
    assert open_study(folder).best_recipe == studied.best_recipe


def test_another_study_is_refused(studied: primetone.Study, text: Path, tmp_path: Path) -> None:
    folder = copy_of(studied, tmp_path / "s")
    other = tmp_path / "other.txt"
    other.write_text("Something else is said here, many times over.\n" * 300)
    wider = {**SPACE, "model": {"dropout": {"low": 0.0, "high": 0.5}}}
    for changes, words in (
        ({"space": wider}, r"search space of model.dropout \(was not there, now 0 to 0.5\)"),
        ({"overrides": (*WORDS, "model.width=32")}, r"recipe.model.width \(was 16, now 32\)"),
        ({"sampler": "random"}, r"sampler \(was tpe, now random\)"),
        ({"seed": 7}, r"seed \(was 0, now 7\)"),
    ):
        with pytest.raises(RunError, match=words):
            study_of(text, folder, **changes)
    with pytest.raises(RunError, match="other data"):
        study_of(other, folder)


def test_failing_trials_are_recorded_and_the_others_go_on(text: Path, tmp_path: Path) -> None:
    """Steps of 1e30 diverge, 1e9 times the width fits no memory, 3 heads do not divide 16."""
    space = {
        "optimizer": {"learning_rate": {"choices": [1e-3, 1e30]}},
        "model": {"mlp_factor": {"choices": [4.0, 1e10]}, "heads": {"choices": [2, 3]}},
    }
    words = settings_without("model.heads")
    study = study_of(
        text, tmp_path / "s", trials=5, seed=4, space=space, overrides=words, sampler="random"
    )
    seen = set()
    for trial in study.report["trials"]:
        rate, factor, heads = (
            trial["values"][key]
            for key in ("optimizer.learning_rate", "model.mlp_factor", "model.heads")
        )
        expected = "complete"
        if heads == 3:
            expected = "failed"
            assert "heads must divide width" in trial["reason"]
        elif factor > 4:
            expected = "out of memory"
        elif rate > 1:
            expected = "diverged"
            assert "training diverged" in trial["reason"]
        assert trial["outcome"] == expected, trial
        seen.add(expected)
    assert seen == {"complete", "failed", "out of memory", "diverged"}
    assert "heads must divide" in (tmp_path / "s/table.md").read_text()


def test_a_study_in_which_nothing_works_ends(text: Path, tmp_path: Path) -> None:
    space = {"model": {"heads": {"choices": [3, 5]}}}
    words = settings_without("model.heads")
    with pytest.raises(Error, match="first 5 trials all failed.*heads must divide"):
        study_of(text, tmp_path / "s", trials=40, space=space, overrides=words)
    assert len(open_study(tmp_path / "s").report["trials"]) == 5


def wait_for(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def workers_of(folder: Path) -> list[int]:
    """The processes that work for the study in this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"primetone.tuning.worker" in words and str(folder).encode() in words:
            found.append(int(place.name))
    return sorted(found)


def begun(folder: Path) -> list[Path]:
    """The trials that have taken a step."""
    return sorted((folder / "trials").glob("*/metrics.jsonl"))


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_killed_workers_stops_and_going_on(text: Path, tmp_path: Path, call: Call) -> None:
    space, folder = tmp_path / "space.toml", tmp_path / "s"
    space.write_text("model.dropout = { low = 0.0, high = 0.5 }\n")
    endless = [word for word in WORDS if not word.startswith("train.steps")]
    words = ("tune", "decoder", "--data", text, "--out", folder, "--space", space, *endless)
    words = (*words, "--pruner", "none", "--sampler", "random", "train.steps=90000")
    child = start(*words, "--trials", 3, "--workers", 2)
    try:
        wait_for(lambda: len(begun(folder)) == 2)
        os.kill(workers_of(folder)[0], signal.SIGKILL)  # one trial is lost, the next one begins
        wait_for(lambda: len(begun(folder)) == 3)
        child.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, error = child.communicate(timeout=60)
        assert time.monotonic() - began < 15
        assert child.returncode == 130, error
        assert error == b"primetone: interrupted\n"
        assert not workers_of(folder)

        trials = open_study(folder).report["trials"]
        assert sorted(trial["outcome"] for trial in trials) == ["failed", "running", "running"]
        (lost,) = (trial for trial in trials if trial["outcome"] == "failed")
        assert "signal 9" in lost["reason"]
        running = [trial["number"] for trial in trials if trial["outcome"] == "running"]
        saved = {
            k: primetone.Run.open(trial_folder(folder, k)).checkpoints.latest() for k in running
        }
        assert all(step is not None for step in saved.values()), saved

        child = start(*words, "--trials", 3, "--workers", 2)
        wait_for(lambda: len(workers_of(folder)) == 2)
        outcome = call(*words, "--trials", 3)
        assert_one_line_error(outcome, 1, "is being tuned by another process")
        child.kill()  # nobody is left to tell the workers
        wait_for(lambda: not workers_of(folder), seconds=20)
    finally:
        child.kill()
        child.communicate()
    # The trials go on from where they were: with fewer steps to come this would be another study.
    plan = folder / "study.json"
    plan.write_text(plan.read_text().replace('"steps": 90000', '"steps": 9'))
    for number in running:
        place = trial_folder(folder, number)
        step = primetone.Run.open(place).checkpoints.latest()
        assert step >= saved[number]
        shortened = json.dumps([{"from_step": step, "values": {"train.steps": step + 1}}])
        (place / "changes.json").write_text(shortened)
    last = words[:-1]
    done = call(*last, "train.steps=9", "--trials", 3)
    assert done.code == 0, done.err
    trials = open_study(folder).report["trials"]
    assert [trial["outcome"] for trial in trials].count("complete") == 2
    assert trials[lost["number"]]["outcome"] == "failed"


def test_wrong_words_on_the_command_line(call: Call, text: Path, tmp_path: Path) -> None:
    words = ("tune", "decoder", "--data", text, "--out", tmp_path / "s")
    for more, code, hint in (
        (("--preset", "defualt"), 1, "did you mean 'default'"),
        (("--workers", "0"), 2, "at least 1"),
        (("model.widht=3",), 1, "model.width"),
        (("train.max_seconds=5",), 1, "train.max_seconds=none"),
        (("--space", tmp_path / "no.toml"), 1, "no such file"),
    ):
        assert_one_line_error(call(*words, *more), code, hint)
        assert not (tmp_path / "s").exists()
    assert_one_line_error(call("tune", "decoder", "--out", tmp_path / "s"), 1, "expected data")
    with pytest.raises(ConfigError, match="write it to a file"):
        study_of(Path("-"), tmp_path / "s")
    for content, hint in (
        ("[model", "not valid TOML"),
        ("model.widht = { low = 1, high = 2 }", "did you mean 'model.width'"),
        ("train.steps = { low = 1, high = 2 }", "all train equally long"),
    ):
        space = tmp_path / "space.toml"
        space.write_text(content)
        assert_one_line_error(call(*words, "--space", space), 1, hint)
    (tmp_path / "s").mkdir()
    (tmp_path / "s/mine.txt").write_text("mine")
    assert_one_line_error(call(*words), 1, "'mine.txt'")
