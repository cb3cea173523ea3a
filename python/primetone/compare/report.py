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


def summarise(
    asked: Question, words: Mapping[str, str], results: Results, floor: float | None
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
                for key in (KEY, f"swapped_{KEY}", f"dropped_{KEY}")
            },
            "minus": {
                reference: _spread(_paired(runs, results[reference]))
                for reference in asked.references
                if reference in results and reference != name
            },
        }
    return {
        "arms": arms,
        "references": [name for name in asked.references if name in results],
        "ngram_bits_per_byte": floor,
        "winners": _winners(asked, arms),
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and standard error; no error of a single value."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "error": error}


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
    head = ["arm", "what it reads", "bits/character", "swapped 5 %", "dropped 5 %"]
    head += [f"minus {name}" for name in references]
    head += ["rate", "parameters", "steps", "seconds", "seeds"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    ranked = sorted(report["arms"].items(), key=lambda item: item[1][KEY]["mean"])
    for name, arm in ranked:
        cells = [name, arm["words"], _words(arm[KEY])]
        cells += [_words(arm[f"swapped_{KEY}"]), _words(arm[f"dropped_{KEY}"])]
        cells += [_words(arm["minus"].get(reference), sign="+") for reference in references]
        cells += [f"{arm['rate']:g}", f"{arm['num_parameters']:,}", f"{arm['steps']:,}"]
        cells += [f"{arm['seconds']:,.0f}", str(arm["seeds"])]
        lines.append(f"| {' | '.join(cells)} |")
    floor = report["ngram_bits_per_byte"]
    if floor is not None:
        lines += ["", f"The best n-gram model of the same text: {floor:.4f} bits per byte."]
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
    return f"{spread['mean']:{sign}.4f}" + ("" if error is None else f" ± {error:.4f}")
