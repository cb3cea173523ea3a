"""Pictures from metrics: which are drawn, that they are whole, and what an empty run says."""

from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from primetone.errors import RunError
from primetone.plots import plot_run
from primetone.plots.curves import smooth

pytest.importorskip("matplotlib")


def write_metrics(run: Path, *, steps: int, evaluations: int) -> None:
    run.mkdir()
    lines = []
    for step in range(1, steps + 1):
        lines.append(
            {
                "event": "train",
                "step": step * 10,
                "loss": 7.6 * math.exp(-step / 60) + 2.5 + 0.2 * math.sin(step * 7.0),
                "learning_rate": 1e-3 * min(1.0, step / 10) * (1 - step / (steps + 1)),
                "gradient_norm": 3.0 / step + 0.4,
                "tokens_per_second": 16_000 + 500 * math.sin(step),
            }
        )
        if evaluations and step % (steps // evaluations) == 0:
            nats = 7.6 * math.exp(-step / 60) + 2.6
            lines.append(
                {
                    "event": "evaluate",
                    "step": step * 10,
                    "nats_per_token": nats,
                    "bits_per_byte": nats / math.log(2) / 3.1,
                }
            )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "metrics.jsonl").write_text(text + '{"event": "tra')  # cut off by a crash


def test_every_curve_is_drawn_twice(tmp_path: Path) -> None:
    write_metrics(tmp_path / "run", steps=100, evaluations=5)
    paths = plot_run(tmp_path / "run")
    names = {path.name for path in paths}
    stems = ("overview", "loss", "bits_per_byte", "learning_rate", "gradient_norm", "throughput")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")}
    for path in paths:
        assert path.parent == tmp_path / "run" / "plots"
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            ElementTree.fromstring(path.read_bytes())


def test_only_what_was_measured_is_drawn_and_always_the_same(tmp_path: Path) -> None:
    write_metrics(tmp_path / "run", steps=3, evaluations=0)
    names = {path.stem for path in plot_run(tmp_path / "run", tmp_path / "a")}
    assert "bits_per_byte" not in names
    assert "loss" in names
    plot_run(tmp_path / "run", tmp_path / "b")
    for path in sorted((tmp_path / "a").glob("*.png")):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_run_without_measurements_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no metrics\.jsonl"):
        plot_run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(RunError, match="no measurements yet"):
        plot_run(tmp_path)


def test_smoothing_starts_at_the_first_value() -> None:
    assert smooth([5.0, 5.0, 5.0]) == pytest.approx([5.0, 5.0, 5.0])
    assert smooth([1.0])[0] == pytest.approx(1.0)
