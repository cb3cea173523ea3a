"""The command line in this process, a text, and what the verbs make of it."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from command_line import TINY, Call, Outcome
from primetone.cli import main


@pytest.fixture
def call(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Call]:
    """Run the command line in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*words: object, stdin: str | bytes = "") -> Outcome:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        capsysbinary.readouterr()
        code = main([str(word) for word in words])
        out, err = capsysbinary.readouterr()
        return Outcome(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 20 kB of prose with characters of one to four bytes."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    sentences = [
        f"Sentence {number} says that {number * number} naïve 猫 cats 🐈 sat on mat {number % 7}.\n"
        for number in range(330)
    ]
    path.write_text("".join(sentences), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tokenizer.json, store/ and a trained run/."""
    folder = tmp_path_factory.mktemp("made")
    tokenizer, store, run = folder / "tokenizer.json", folder / "store", folder / "run"
    steps: Sequence[Sequence[object]] = (
        ("learn", text, "--vocab-size", 300, "--out", tokenizer),
        ("encode", tokenizer, text, "--out", store),
        ("train", "decoder", "--data", store, "--out", run, "train.steps=10", *TINY),
    )
    for words in steps:
        assert main([str(word) for word in words]) == 0
    return folder
