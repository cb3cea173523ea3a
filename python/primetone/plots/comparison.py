"""An experiment's arms with their standard errors, best first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primetone.plots.canvas import INK, QUIET, figure_class, save_figure

COLOURS = {
    "clean": "#2a6f97",
    "swapped 5 %": "#e09f3e",
    "dropped 5 %": "#d1495b",
    "new 5 %": "#7a5195",
}
KEYS = (
    "bits_per_character",
    "swapped_bits_per_character",
    "dropped_bits_per_character",
    "grown_bits_per_character",
)
FLOOR_COLOUR = "#4d4d4d"


def plot_comparison(report: Mapping[str, Any], stem: Path) -> list[Path]:
    """Draw results.json as stem.png and stem.svg; bits per character, fewer are better."""
    ranked = sorted(report["arms"].items(), key=lambda item: item[1][KEYS[0]]["mean"])
    figure = figure_class()(figsize=(max(8.0, 2.2 + 1.25 * len(ranked)), 4.8), layout="constrained")
    axes = figure.add_subplot()
    for offset, ((label, colour), key) in enumerate(zip(COLOURS.items(), KEYS, strict=True)):
        if not all(key in arm for _, arm in ranked):
            continue
        places = [number + (offset - 1.5) * 0.16 for number in range(len(ranked))]
        means = [arm[key]["mean"] for _, arm in ranked]
        errors = [2 * (arm[key]["error"] or 0.0) for _, arm in ranked]
        axes.errorbar(
            places, means, yerr=errors, fmt="o", markersize=6, color=colour, capsize=4, label=label
        )
    axes.set_xticks(range(len(ranked)), [name for name, _ in ranked], rotation=25, ha="right")
    axes.set_ylabel("bits per character, fewer are better")
    if report["floors"]:
        name, bits = min(report["floors"].items(), key=lambda item: item[1])
        axes.axhline(bits, color=FLOOR_COLOUR, linewidth=1.0, linestyle="--", label=name)
    axes.margins(y=0.16)
    axes.set_title(
        "Validation text, clean and corrupted; whiskers of two standard errors", color=INK
    )
    axes.grid(axis="y", color=QUIET, alpha=0.4, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, ncols=5, loc="upper left")
    return save_figure(figure, stem)
