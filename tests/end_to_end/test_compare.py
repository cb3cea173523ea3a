"""The fair experiment with tiny settings: equal sizes, a report, and going on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import primetone.run
from primetone.compare.arms import QUESTIONS
from primetone.compare.experiment import compare
from primetone.compare.report import t_test_p
from primetone.errors import ConfigError, RunError
from primetone.recipe import load_recipe

TINY = (
    "train.steps=2",
    "train.threads=1",
    "train.batch_size=2",
    "train.eval_tokens=100",
    "model.window=4",
    "model.bank.samples=64",
    "model.encoder.soft_tokens=2",
    "model.encoder.codewords=4",
    "model.encoder.token_width=4",
    "model.trunk.layers=1",
    "model.trunk.heads=1",
    "model.trunk.width=16",
    "model.trunk.context=16",
    "generate.max_tokens=1",
)
ARMS = ("concatenated", "flat", "embedding")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"{number} is the number of this line.\n" for number in range(80)))
    return path


def test_an_experiment_from_beginning_to_end(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    settings = {"arms": ARMS, "seeds": 2, "rates": (1e-3, 2e-3), "overrides": TINY}
    report = compare("signal", [text], out, **settings)
    sizes = [arm["num_parameters"] for arm in report["arms"].values()]
    assert max(sizes) <= 1.01 * min(sizes)
    assert set(report["arms"]) == set(ARMS)
    for name, arm in report["arms"].items():
        assert arm["seeds"] == 2
        assert arm["bits_per_character"]["error"] >= 0
        assert ("concatenated" in arm["minus"]) == (name != "concatenated")
        assert all(0 <= difference["p"] <= 1 for difference in arm["minus"].values())
        assert arm["grown_bits_per_character"]["mean"] > 0
        tuned, *counted = sorted((out / "runs" / name).glob("*/result.json"))
        assert len([tuned, *counted]) == 4, "two rates on the seed for tuning, then two seeds"
    assert report["floors"]["Kneser-Ney, 6 bytes"] < report["floors"]["xz"] + 8
    assert json.loads((out / "results.json").read_text())["arms"] == report["arms"]
    assert "± " in (out / "table.md").read_text()
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("everything is there already")

    monkeypatch.setattr(primetone.run, "train", never)
    assert compare("signal", [text], out, **settings) == report
    with pytest.raises(RunError, match="rates differ"):
        compare("signal", [text], out, **{**settings, "rates": (2e-3,)})


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (3.182, 3, 0.05), (2.776, 4, 0.05), (2.228, 10, 0.05),
     (3.707, 6, 0.01), (4.604, 4, 0.01), (2.015, 5, 0.10), (0.0, 3, 1.0), (-1.886, 2, 0.2)],
)  # fmt: skip
def test_p_is_that_of_the_tables(t: float, freedom: int, p: float) -> None:
    assert t_test_p(t, freedom) == pytest.approx(p, abs=1e-4)


def test_unknown_words(text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'signal'"):
        compare("signals", [text], tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'flat'"):
        compare("signal", [text], tmp_path, arms=["flatt"])


def test_every_arm_is_a_recipe() -> None:
    for asked in QUESTIONS.values():
        for arm in asked.arms.values():
            load_recipe(asked.recipe, arm.overrides)
