"""The signal family through the command line: train, resume, judge, write, talk, look inside."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from primetone.cli import main
from primetone.errors import FormatError
from primetone.run import Run

COMMON = ("train.threads=1", "train.eval_tokens=200", "train.log_every=2", "generate.max_tokens=6")
TINY = {
    "signal": (
        *COMMON,
        "model.window=5",
        "model.bank.samples=128",
        "model.encoder.soft_tokens=2",
        "model.encoder.codewords=8",
        "model.encoder.token_width=8",
        "model.trunk.layers=1",
        "model.trunk.heads=2",
        "model.trunk.width=16",
        "model.trunk.context=16",
        "train.batch_size=4",
        "schedule.name=constant",
    ),
    "signal-classic": (
        *COMMON,
        "model.encoder.codewords=16",
        "model.encoder.token_width=8",
        "model.head.ff_width=16",
        "model.head.pattern_width=16",
    ),
}
COMMAND = (sys.executable, "-m", "primetone")


def run_verb(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"Line {number} of a naïve text.\n" for number in range(60)))
    return path


@pytest.fixture(scope="module", params=list(TINY))
def made(
    request: pytest.FixtureRequest, text: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("runs") / "run"
    recipe = request.param
    words = ("train", recipe, "--data", text, "--out", out, *TINY[recipe])
    limit = "train.steps=8" if recipe == "signal" else "train.epochs=0.15"
    assert run_verb(*words, limit, "train.save_every=4") == 0
    return recipe, out


def test_a_resumed_run_has_the_same_bits(
    text: Path, made: tuple[str, Path], tmp_path: Path
) -> None:
    recipe, whole = made
    last = Run.open(whole).checkpoints.latest()
    assert last is not None
    again = tmp_path / "again"
    words = ("train", recipe, "--data", text, "--out", again, *TINY[recipe], "train.save_every=4")
    limit = "train.steps=8" if recipe == "signal" else "train.epochs=0.15"
    # The clock ends it early; the schedule is constant and does not look at it.
    assert run_verb(*words, limit, "train.max_seconds=0.001") == 0
    assert Run.open(again).checkpoints.latest() == 1
    assert run_verb(*words, limit, "train.max_seconds=none", "--resume", "auto") == 0
    one, other = (Run.open(path).checkpoints.load_model(last) for path in (whole, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_metrics_hold_the_inner_figures(made: tuple[str, Path]) -> None:
    recipe, run = made
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = [line for line in lines if line["event"] == "evaluate"][-1]
    assert {"bits_per_byte", "bits_per_character", "token_entropy", "usage_perplexity"} <= set(
        found
    )
    assert found["bits_per_character"] >= found["bits_per_byte"]
    assert ("logit_scale" in found) == (recipe == "signal")


def test_judging_and_writing(made: tuple[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    recipe, run = made
    assert run_verb("evaluate", run, "--json") == 0
    assert json.loads(capsys.readouterr().out)["bits_per_character"] > 0
    assert run_verb("generate", run, "--prompt", "Line ") == 0
    assert capsys.readouterr().out.startswith("Line ")
    unknown = run_verb("generate", run, "--prompt", "ŧ")
    assert unknown == (0 if recipe == "signal" else 1)
    assert "alphabet" in capsys.readouterr().err or recipe == "signal"


def test_pictures_without_a_display(
    made: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    _, run = made
    assert run_verb("plot", run, "--internals", "Line 7 ", "--out", tmp_path) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"internals.npz", "internals_stages.png", "internals_bank.svg"} <= names
    assert run_verb("plot", run, "--internals", "", "--out", tmp_path) == 1


def test_talking_through_a_pipe(
    made: tuple[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = made
    said = "Line \n/temperature 0\n/bogus\nLine \nquit\nLine \n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    assert run_verb("chat", run, "--tokens", 4) == 0
    heard = capsys.readouterr()
    assert heard.out.count("\n") >= 3
    assert "(temperature 0)" in heard.out
    assert heard.err.count("primetone: error") == 1


def test_ctrl_c_ends_a_conversation_with_130(made: tuple[str, Path]) -> None:
    _, run = made
    child = subprocess.Popen(
        [*COMMAND, "chat", str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("/seed 1\n")
    child.stdin.flush()
    assert child.stdout.readline() == "(seed 1)\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130, error
    assert "Traceback" not in error


def test_a_broken_checkpoint_is_told(
    made: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = made
    load = safetensors.torch.load_file

    def broken(name: str | Path) -> dict[str, torch.Tensor]:
        tensors = load(name)
        next(iter(tensors.values())).fill_(float("nan"))
        return tensors

    monkeypatch.setattr(safetensors.torch, "load_file", broken)
    with pytest.raises(FormatError, match="not finite"):
        Run.open(path).model()


@pytest.mark.parametrize("recipe", list(TINY))
def test_texts_that_are_too_short(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, content in enumerate(("", "short")):
        path = tmp_path / f"{number}.txt"
        path.write_text(content)
        out = tmp_path / f"run{number}"
        assert run_verb("train", recipe, "--data", path, "--out", out, *TINY[recipe]) == 1
        assert "expected" in capsys.readouterr().err
        assert not out.exists()
