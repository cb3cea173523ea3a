"""Fixtures that several tests share: the folder of real texts, and Python in a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Take signals as a terminal gives them, and hand them so to child processes.

    A job in the background of a shell is started with Ctrl-C ignored, and children inherit that:
    what the tests send would never arrive.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real texts and vocabularies beside the checkout; tests skip without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the folder ../shared with real texts is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tinyshakespeare(shared: Path) -> bytes:
    """The usual character-level corpus, 1,115,394 bytes."""
    path = shared / "data" / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip("../shared/data/tinyshakespeare.txt is not there")
    return path.read_bytes()


ChildPython = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def child_python() -> ChildPython:
    """Start ``code`` in a fresh Python: ``child_python(code, "argument", ...)`` gives a Popen."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, stdin: int | None = subprocess.DEVNULL) -> object:
        path = os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
        child = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()
