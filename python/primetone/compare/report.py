"""What an experiment found: means, paired differences, a verdict; as JSON, a table and a plot."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from primetone.compare.arms import Question
from primetone.files import write_atomically, write_json
from primetone.plots.comparison import plot_comparison

Results = Mapping[str, Sequence[Mapping[str, Any]]]
KEY = "bits_per_character"
CORRUPTIONS = {
    f"swapped_{KEY}": "swapped 5 %",
    f"dropped_{KEY}": "dropped 5 %",
    f"grown_{KEY}": "new 5 %",
}
"""The validation text with neighbours swapped, characters missing, characters never seen before."""


def summarise(
    asked: Question, words: Mapping[str, str], results: Results, floors: Mapping[str, float]
) -> dict[str, Any]:
    """Every arm's mean and standard error, and its distance to the references, seed by seed."""
    arms = {}
    for name, runs in results.items():
        arms[name] = {
            "words": words[name],
            "rate": runs[0]["rate"],
            "seeds": len(runs),
            "num_parameters": runs[0]["num_parameters"],
            "steps": runs[0]["steps"],
            "seconds": statistics.fmean(run["seconds"] for run in runs),
            **{
                key: _spread([run[key] for run in runs])
                for key in (KEY, *CORRUPTIONS)
                if all(key in run for run in runs)
            },
            "minus": {
                reference: _difference(_paired(runs, results[reference]))
                for reference in asked.references
                if reference in results and reference != name
            },
        }
    return {
        "arms": arms,
        "references": [name for name in asked.references if name in results],
        "floors": dict(floors),
        "winners": _winners(asked, arms),
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and standard error; no error of a single value."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "error": error}


def _difference(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and standard error of paired differences, and p of the t test that their mean is 0."""
    spread = _spread(values)
    mean, error = spread["mean"], spread["error"]
    p = None if mean is None or not error else t_test_p(mean / error, len(values) - 1)
    return {**spread, "p": p}


def t_test_p(t: float, freedom: int) -> float:
    """Two-sided p of Student's t with a whole number of degrees of freedom, at least 1.

    Source: the finite series of Abramowitz & Stegun, 26.7.3 and 26.7.4.
    """
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2
    term, total = (cosine, cosine) if is_odd else (1.0, 1.0)
    for k in range(2 + is_odd, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if is_odd:
        within = 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))
    else:
        within = sine * total
    return max(0.0, 1.0 - within)


def _paired(runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[float]:
    """Differences of runs with the same seed."""
    by_seed = {run["seed"]: run[KEY] for run in others}
    return [run[KEY] - by_seed[run["seed"]] for run in runs if run["seed"] in by_seed]


def _winners(asked: Question, arms: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Arms that beat every reference by more than two standard errors."""

    def beats(difference: Mapping[str, float | None]) -> bool:
        mean, error = difference["mean"], difference["error"]
        return mean is not None and error is not None and mean < -2 * error

    return [
        name
        for name, arm in arms.items()
        if name not in asked.references
        and set(arm["minus"]) == set(asked.references)
        and all(beats(difference) for difference in arm["minus"].values())
    ]


def table(report: Mapping[str, Any]) -> str:
    """The report in Markdown, best arm first."""
    references = report["references"]
    head = ["arm", "what it reads", "bits/character", *CORRUPTIONS.values()]
    head += [f"minus {name}" for name in references]
    head += ["rate", "parameters", "steps", "seconds", "seeds"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    ranked = sorted(report["arms"].items(), key=lambda item: item[1][KEY]["mean"])
    for name, arm in ranked:
        cells = [name, arm["words"], _words(arm[KEY])]
        cells += [_words(arm.get(key)) for key in CORRUPTIONS]
        cells += [_words(arm["minus"].get(reference), sign="+") for reference in references]
        cells += [f"{arm['rate']:g}", f"{arm['num_parameters']:,}", f"{arm['steps']:,}"]
        cells += [f"{arm['seconds']:,.0f}", str(arm["seeds"])]
        lines.append(f"| {' | '.join(cells)} |")
    for name, bits in sorted(report["floors"].items(), key=lambda item: item[1]):
        cells = [name, "no network: the same split", f"{bits:.4f}"]
        lines.append(f"| {' | '.join(cells + [''] * (len(head) - len(cells)))} |")
    if not references:
        return "\n".join(lines) + "\n"
    won = ", ".join(report["winners"])
    rule = f"beats {' and '.join(references)} by more than two standard errors"
    lines += ["", f"{won} {rule}." if won else f"No other arm {rule}."]
    return "\n".join(lines) + "\n"


def write_report(out: Path, report: Mapping[str, Any]) -> None:
    """results.json, table.md, comparison.png and .svg."""
    write_json(out / "results.json", report)
    write_atomically(out / "table.md", table(report).encode())
    plot_comparison(report, out / "comparison")


def _words(spread: Mapping[str, float | None] | None, *, sign: str = "") -> str:
    if spread is None or spread["mean"] is None:
        return ""
    error = spread["error"]
    p = spread.get("p")
    return (
        f"{spread['mean']:{sign}.4f}"
        + ("" if error is None else f" ± {error:.4f}")
        + ("" if p is None else f" (p {p:.2g})")
    )
