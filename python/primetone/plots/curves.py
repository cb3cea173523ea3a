"""The curves of a run as PNG and SVG, drawn from metrics.jsonl alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from primetone.errors import RunError
from primetone.files import explained
from primetone.plots.canvas import INK, QUIET, figure_class, save_figure
from primetone.training.metrics import METRICS, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 40
"""Points from which on a noisy curve is smoothed, and none carries markers."""
TRAIN, VALIDATION = "#2a6f97", "#d1495b"


class Panel(NamedTuple):
    """One picture: its file name, title and y axis, and which values of which lines it shows."""

    name: str
    title: str
    unit: str
    curves: tuple[tuple[str, str, str, str], ...]
    """(event, key, label, colour) of each curve."""
    scale: Literal["linear", "log"] = "linear"
    noise: Literal["smoothed", "none"] = "smoothed"
    floor: float | None = None


PANELS = (
    Panel(
        "loss",
        "Loss",
        "nats per token",
        (
            ("train", "loss", "training", TRAIN),
            ("train", "likelihood_loss", "training", TRAIN),
            ("evaluate", "nats_per_token", "validation", VALIDATION),
        ),
    ),
    Panel(
        "bits_per_byte",
        "Bits per byte on the validation text",
        "bits per byte",
        (("evaluate", "bits_per_byte", "validation", VALIDATION),),
    ),
    Panel(
        "learning_rate",
        "Learning rate",
        "full rate times schedule",
        (("train", "learning_rate", "learning rate", TRAIN),),
        noise="none",
    ),
    Panel(
        "gradient_norm",
        "Gradient norm before clipping",
        "Euclidean norm",
        (
            ("train", "gradient_norm", "gradient norm", TRAIN),
            ("train", "likelihood_gradient_norm", "likelihood", TRAIN),
            ("train", "generator_gradient_norm", "generator against the critic", INK),
            ("train", "critic_gradient_norm", "critic", VALIDATION),
        ),
        scale="log",
    ),
    Panel(
        "adversaries",
        "Losses of critic and generator",
        "loss of a sentence",
        (
            ("train", "generator_adversarial", "generator", INK),
            ("train", "critic_loss", "critic", VALIDATION),
        ),
    ),
    Panel(
        "separation",
        "How well the critic tells real from written",
        "share of pairs with the real one above",
        (("train", "critic_separated", "critic", VALIDATION),),
        floor=0.0,
    ),
    Panel(
        "penalty",
        "Gradient penalty of the critic",
        "before its weight",
        (("train", "critic_penalty", "critic", VALIDATION),),
        floor=0.0,
    ),
    Panel(
        "throughput",
        "Training speed",
        "tokens per second",
        (("train", "tokens_per_second", "training", TRAIN),),
        floor=0.0,
    ),
    Panel(
        "codebook",
        "Codewords in effective use",
        "usage perplexity",
        (("evaluate", "usage_perplexity", "all soft tokens", VALIDATION),),
        floor=0.0,
    ),
    Panel(
        "token_entropy",
        "Entropy of a soft token",
        "nats",
        (("evaluate", "token_entropy", "mean over tokens", VALIDATION),),
        floor=0.0,
    ),
    Panel(
        "dead_codewords",
        "Codewords that are hardly used",
        "share of the codebook",
        (("evaluate", "dead_codewords", "below a hundredth of even use", VALIDATION),),
        floor=0.0,
    ),
    Panel(
        "logit_scale",
        "Logit scale of the soft tokens",
        "factor",
        (("evaluate", "logit_scale", "learned", VALIDATION),),
    ),
)


def plot_run(run: str | Path, out: str | Path | None = None) -> list[Path]:
    """Draw every curve that the run's metrics hold; the paths written, PNG and SVG of each.

    `out` is the folder for them, the run's plots/ by default. `overview` has all in one picture.
    """
    folder = Path(run)
    lines = _read_lines(folder)
    panels = [panel for panel in PANELS if _has_points(panel, lines)]
    if not panels:
        raise RunError(
            f"{folder / METRICS} has no measurements yet: expected at least one logged step; "
            "train longer, or set train.log_every lower"
        )
    target = folder / "plots" if out is None else Path(out)
    with explained(target, "create"):
        target.mkdir(parents=True, exist_ok=True)
    title = folder.resolve().name
    written = _save(target / "overview", panels, lines, title=title)
    for panel in panels:
        written += _save(target / panel.name, [panel], lines, title=title)
    return written


def _read_lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / METRICS
    if not path.is_file():
        raise RunError(
            f"{folder} has no {METRICS}: expected a run directory with a trained step; "
            "check the path, or train first"
        )
    return list(read_metrics(path))


def _points(
    lines: Sequence[Mapping[str, Any]], event: str, key: str
) -> tuple[list[int], list[float]]:
    found = [
        (line["step"], line[key])
        for line in lines
        if line.get("event") == event and isinstance(line.get(key), int | float)
    ]
    return [step for step, _ in found], [value for _, value in found]


def _has_points(panel: Panel, lines: Sequence[Mapping[str, Any]]) -> bool:
    return any(_points(lines, event, key)[0] for event, key, _, _ in panel.curves)


def _save(
    stem: Path, panels: Sequence[Panel], lines: Sequence[Mapping[str, Any]], *, title: str
) -> list[Path]:
    """One picture with these panels, as stem.png and stem.svg."""
    Figure = figure_class()
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(6.4 * columns, 3.8 * rows), layout="constrained")
    for number, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(rows, columns, number), panel, lines)
    figure.suptitle(title, color=INK, fontsize=13)
    return save_figure(figure, stem)


def _draw(axes: Axes, panel: Panel, lines: Sequence[Mapping[str, Any]]) -> None:
    for event, key, label, colour in panel.curves:
        steps, values = _points(lines, event, key)
        if not steps:
            continue
        if event == "train" and panel.noise == "smoothed" and len(values) > MANY:
            axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(steps, smooth(values), color=colour, label=f"{label} (smoothed)")
        else:
            marker = "o" if len(values) <= MANY else ""
            axes.plot(steps, values, color=colour, label=label, marker=marker, markersize=3.5)
    axes.set_title(panel.title, color=INK, fontsize=11)
    axes.set_xlabel("optimiser steps")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel(panel.unit)
    axes.set_yscale(panel.scale)
    if panel.floor is not None:
        axes.set_ylim(panel.floor, 1.1 * axes.get_ylim()[1])
    axes.grid(color=QUIET, alpha=0.4, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if len(panel.curves) > 1:
        axes.legend(frameon=False)


def smooth(values: Sequence[float]) -> list[float]:
    """A moving average over about a fortieth of the curve, weighted towards the newest."""
    keep = min(0.95, 1 - MANY / max(len(values), MANY + 1))
    mean, weight, result = 0.0, 0.0, []
    for value in values:
        mean = keep * mean + (1 - keep) * value
        weight = keep * weight + (1 - keep)
        result.append(mean / weight)
    return result
