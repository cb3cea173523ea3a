"""Verbs as processes: pipes, signals, full outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import COMMAND, TINY, Call, start


def test_a_broken_pipe_is_silent(made: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text("72 105 " * 200_000)
    with ids.open("rb") as stdin:
        child = start("decode", made / "tokenizer.json", stdin=stdin)
        assert child.stdout is not None
        child.stdout.read(10)
        child.stdout.close()
        with child:
            assert child.stderr is not None
            assert child.stderr.read() == b""
        assert child.returncode == 0


def test_closed_and_full_outputs(made: Path) -> None:
    words = ("inspect", "tokenizer", made / "tokenizer.json")
    closed = start(*words, stdout=None, preexec_fn=lambda: os.close(1))
    assert closed.communicate(timeout=60)[1] == b""
    assert closed.returncode == 0
    no_input = start("decode", made / "tokenizer.json", stdin=None, preexec_fn=lambda: os.close(0))
    assert no_input.communicate(timeout=60) == (b"", b"")
    assert no_input.returncode == 0
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            child = start(*words, stdout=full)
            error = child.communicate(timeout=60)[1]
        assert child.returncode == 1
        assert error.startswith(b"primetone: error: cannot write the output: ")
        assert error.count(b"\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_not_lost_in_an_import(tmp_path: Path, number: int, code: int) -> None:
    """Some libraries import what is optional under an `except` that takes everything."""
    (tmp_path / "optional.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(10)\n"
    )
    program = (
        "import sys, primetone.cli as cli\n"
        "def run(words):\n"
        "    try:\n        import optional\n"
        "    except BaseException:\n        return 0\n"
        "cli._run = run\n"
        "sys.exit(cli.main([]))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == code, child.stderr
    assert b"Traceback" not in child.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_waiting_verbs_stop_on_signals(made: Path, number: int, code: int) -> None:
    """decode, encode and learn wait for standard input; the signal ends them in silence."""
    tokenizer = made / "tokenizer.json"
    children = [
        start("decode", tokenizer, stdin=subprocess.PIPE),
        start("encode", tokenizer, "-", stdin=subprocess.PIPE),
        start("learn", "-", "--out", made / "never.json", stdin=subprocess.PIPE),
    ]
    time.sleep(3)
    for child in children:
        child.send_signal(number)
    for child in children:
        error = child.communicate(timeout=30)[1]
        assert child.returncode == code, error
        assert b"Traceback" not in error
    assert not (made / "never.json").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_saves_when_it_is_stopped(
    call: Call, made: Path, tmp_path: Path, number: int, code: int
) -> None:
    run = tmp_path / "run"
    words = ("train", "decoder", "--data", made / "store", "--out", run, *TINY)
    quiet = ("train.save_every=0", "train.steps=1000000")
    child = start(*words, *quiet)
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(number)
    out, error = child.communicate(timeout=60)
    assert child.returncode == code, error
    assert out == b""
    assert b"Traceback" not in error
    steps = [path.name for path in (run / "checkpoints").glob("step_*")]
    assert len(steps) == 1
    step = int(steps[0].removeprefix("step_"))
    resumed = call(*words, "train.save_every=0", f"train.steps={step + 2}", "--resume", "auto")
    assert resumed.code == 0, resumed.err
    assert (run / f"checkpoints/step_{step + 2}").is_dir()


def test_version_answers_at_once() -> None:
    """300 ms is the promise; the fastest of several, because machines have other things to do."""
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        done = subprocess.run([*COMMAND, "--version"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert done.stdout.startswith(b"primetone ")
    assert min(seconds) < 0.3


def test_no_colour_codes_reach_a_pipe() -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, check=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert b"\x1b" not in done.stdout
