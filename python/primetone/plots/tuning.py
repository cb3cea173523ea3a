"""A study in pictures: trial after trial, the weight of each key, and each key's values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from primetone.plots.canvas import INK, QUIET, figure_class, save_figure

COMPLETE, EARLY, FAILED, BEST = "#2a6f97", "#e09f3e", "#d1495b", "#222222"
UNITS = {"bits_per_byte": "bits/byte", "nats_per_token": "nats/token"}
PANELS_A_ROW = 3
FAR_TIMES = 3.0
"""Trials that lie so much farther above the median than the best lies below are off the picture."""

Trials = Sequence[Mapping[str, Any]]


def plot_study(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw results.json as history, slices and importances, each .png and .svg, in `folder`.

    A picture that has nothing to show yet is left out.
    """
    complete = [trial for trial in report["trials"] if trial["value"] is not None]
    if not complete:
        return []
    written = _plot_history(report, complete, folder / "history")
    written += _plot_slices(report, complete, folder / "slices")
    if report["importances"]:
        written += _plot_importances(report, folder / "importances")
    return written


def _plot_history(report: Mapping[str, Any], complete: Trials, stem: Path) -> list[Path]:
    figure = figure_class()(figsize=(9.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    ceiling = _ceiling([trial["value"] for trial in complete])
    early = [trial for trial in report["trials"] if trial["outcome"] == "pruned" and trial["curve"]]
    shown = [trial for trial in early if _last(trial) <= ceiling]
    if early:
        axes.scatter(
            [trial["number"] for trial in shown],
            [_last(trial) for trial in shown],
            marker="v",
            s=26,
            color=EARLY,
            label=f"ended early, its last evaluation{_above(early, shown)}",
        )
    inside = [trial for trial in complete if trial["value"] <= ceiling]
    axes.scatter(
        [trial["number"] for trial in inside],
        [trial["value"] for trial in inside],
        s=34,
        color=COMPLETE,
        label=f"complete{_above(complete, inside)}",
    )
    lowest, best = [], math.inf
    for trial in complete:
        best = min(best, trial["value"])
        lowest.append(best)
    numbers = [trial["number"] for trial in complete]
    last = max(trial["number"] for trial in report["trials"])
    axes.step(
        [*numbers, last], [*lowest, best], where="post", color=BEST, linewidth=1.2, label="best"
    )
    failed = [t["number"] for t in report["trials"] if t["outcome"] in _FAILURES]
    if failed:
        bottom = axes.get_ylim()[0]
        axes.scatter(
            failed, [bottom] * len(failed), marker="x", color=FAILED, label="failed or diverged"
        )
    axes.set_xlabel("trial")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel(f"{UNITS[report['objective']]} on validation text, fewer are better")
    axes.set_title(
        f"{len(report['trials'])} trials, best {best:.4f} (trial {report['best']})", color=INK
    )
    _tidy(axes)
    figure.legend(frameon=False, loc="outside lower center", ncols=4)
    return save_figure(figure, stem)


def _plot_importances(report: Mapping[str, Any], stem: Path) -> list[Path]:
    shares = sorted(report["importances"].items(), key=lambda item: item[1])
    figure = figure_class()(figsize=(8.0, 1.4 + 0.36 * len(shares)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([key for key, _ in shares], [share for _, share in shares], color=COMPLETE)
    for place, (_, share) in enumerate(shares):
        axes.annotate(
            f"{share:.2f}",
            (share, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.set_xlabel("share in what parts the best fifth from all trials (PED-ANOVA)")
    axes.margins(x=0.1)
    _tidy(axes)
    axes.grid(visible=False)
    return save_figure(figure, stem)


def _plot_slices(report: Mapping[str, Any], complete: Trials, stem: Path) -> list[Path]:
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    keys = list(report["space"])
    num_rows = -(-len(keys) // PANELS_A_ROW)
    figure = figure_class()(figsize=(11.0, 0.6 + 2.7 * num_rows), layout="constrained")
    ceiling = _ceiling([trial["value"] for trial in complete])
    inside = [trial for trial in complete if trial["value"] <= ceiling]
    last = max(trial["number"] for trial in report["trials"])
    for place, key in enumerate(keys, start=1):
        axes = figure.add_subplot(num_rows, PANELS_A_ROW, place)
        values = [trial["values"][key] for trial in inside]
        if report["space"][key].startswith("{"):  # choices, in the order of the table
            names = report["space"][key].strip("{}").split(", ")
            values = [names.index(str(value)) for value in values]
            axes.set_xticks(range(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
        elif key in report["log_keys"]:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.scatter(
            values,
            [trial["value"] for trial in inside],
            c=[trial["number"] for trial in inside],
            cmap="viridis_r",
            vmin=0,
            vmax=max(last, 1),
            s=22,
        )
        axes.set_title(key, color=INK, fontsize=10)
        if place % PANELS_A_ROW == 1:
            axes.set_ylabel(UNITS[report["objective"]])
        _tidy(axes)
    figure.suptitle("Complete trials by the value of each key; later ones are darker", color=INK)
    return save_figure(figure, stem)


_FAILURES = ("failed", "diverged", "out of memory")


def _last(trial: Mapping[str, Any]) -> float:
    return float(trial["curve"][max(trial["curve"], key=int)])


def _above(trials: Trials, shown: Trials) -> str:
    """How many are off the picture, for its legend."""
    return f" ({len(trials) - len(shown)} above)" if len(trials) > len(shown) else ""


def _ceiling(values: Sequence[float]) -> float:
    """Where the picture ends, so that one bad trial does not press all others into a line."""
    ordered = sorted(values)
    median = ordered[len(ordered) // 2]
    return max(ordered[len(ordered) * 3 // 4], median + FAR_TIMES * (median - ordered[0]))


def _tidy(axes: Any) -> None:
    axes.grid(axis="y", color=QUIET, alpha=0.4, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
