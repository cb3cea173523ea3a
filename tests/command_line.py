"""What tests of the command line share: tiny settings, outcomes, and verbs as processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

TINY = (
    "model.layers=1",
    "model.heads=2",
    "model.width=16",
    "model.context=16",
    "train.batch_size=4",
    "train.eval_tokens=256",
    "train.threads=1",
    "train.save_every=5",
    "train.log_every=2",
    "schedule.name=constant",
    "schedule.warmup_steps=2",
    "tokenizer.vocab_size=300",
    "generate.max_tokens=8",
)
COMMAND = (sys.executable, "-m", "primetone")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Outcome]


def assert_one_line_error(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("primetone: error: "), outcome.err
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def start(*words: object, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stderr=subprocess.PIPE,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options},  # type: ignore[arg-type]
    )
