"""What a study found: a table, the weight of each key, pictures, and the best recipe as TOML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primetone.config import encode, toml_text
from primetone.files import write_atomically, write_json
from primetone.plots.tuning import plot_study
from primetone.recipe import Recipe, read_recipe
from primetone.tuning.places import BEST, RESULTS, TABLE, trial_folder
from primetone.tuning.plan import Plan
from primetone.tuning.search import Search
from primetone.tuning.settings import recipe_to_keep

SHOWN = 10
"""Trials in the table."""


def make_report(plan: Plan, search: Search) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    trials = search.trials()
    complete = [trial for trial in trials if trial.value is not None]
    best = min(complete, key=lambda trial: (trial.value, trial.number), default=None)
    return {
        "preset": plan.preset,
        "family": plan.recipe.family,
        "objective": plan.objective,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "seed": plan.seed,
        "rungs": plan.rungs,
        "space": {key: one.words() for key, one in plan.space.items()},
        "log_keys": [key for key, one in plan.space.items() if one.scale == "log"],
        "outcomes": dict(Counter(trial.outcome for trial in trials)),
        "best": None if best is None else best.number,
        "importances": search.importances(),
        "trials": [
            {
                "number": trial.number,
                "outcome": trial.outcome,
                "value": trial.value,
                "values": dict(trial.values),
                "curve": {str(rung): value for rung, value in trial.curve.items()},
                **trial.facts,
            }
            for trial in trials
        ],
    }


def write_report(folder: Path, report: Mapping[str, Any], plan: Plan) -> None:
    """results.json, table.md, and best.toml once a trial is complete."""
    write_json(folder / RESULTS, report)
    write_atomically(folder / TABLE, table(report).encode())
    if report["best"] is not None:
        write_atomically(folder / BEST, best_toml(folder, plan, report).encode())


def write_pictures(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """history, importances and slices as PNG and SVG."""
    return plot_study(report, folder)


def best_toml(folder: Path, plan: Plan, report: Mapping[str, Any]) -> str:
    """The recipe of the best trial, whole, for `primetone train`."""
    number = report["best"]
    trained: Recipe = read_recipe(trial_folder(folder, number) / "recipe.json")
    value = report["trials"][number]["value"]
    head = (
        f"# The best of {len(report['trials'])} trials of the study {folder.name!r}: "
        f"trial {number}, {value:.4f} {objective_words(plan.objective)}.\n"
        f"# Searched: {', '.join(plan.space)}.\n"
    )
    return head + toml_text(encode(recipe_to_keep(plan, trained)))


def table(report: Mapping[str, Any]) -> str:
    """The best trials, the weight of each key and the count of ends, in Markdown."""
    keys = list(report["space"])
    short = {key: key.rpartition(".")[2] for key in keys}
    name = objective_words(report["objective"])
    head = ["trial", name, *short.values(), "parameters", "steps", "seconds"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    complete = [trial for trial in report["trials"] if trial["value"] is not None]
    complete.sort(key=lambda trial: (trial["value"], trial["number"]))
    for trial in complete[:SHOWN]:
        cells = [str(trial["number"]), f"{trial['value']:.4f}"]
        cells += [str(trial["values"].get(key, "")) for key in keys]
        cells += [f"{trial.get(key, 0):,.0f}" for key in ("num_parameters", "steps", "seconds")]
        lines.append(f"| {' | '.join(cells)} |")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report["outcomes"].items())
    lines += ["", f"{len(report['trials'])} trials: {counts or 'none yet'}."]
    if report["importances"]:
        lines += ["", "| key | searched | weight |", "|---|---|---|"]
        shares = sorted(report["importances"].items(), key=lambda item: -item[1])
        lines += [f"| {key} | {report['space'][key]} | {share:.2f} |" for key, share in shares]
    else:
        lines += ["", "Too few trials to say which key weighs how much."]
    odd = [t for t in report["trials"] if t["outcome"] in ("diverged", "out of memory", "failed")]
    if odd:
        lines += ["", *(f"- trial {t['number']} {t['outcome']}: {t.get('reason')}" for t in odd)]
    return "\n".join(lines) + "\n"


def objective_words(objective: str) -> str:
    """As it stands on an axis."""
    return {"bits_per_byte": "bits/byte", "nats_per_token": "nats/token"}[objective]
