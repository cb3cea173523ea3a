"""Running an experiment: equal sizes, one grid of rates for all, then seeds; it can be resumed.

Every cell (an arm, a rate, a seed) is a run directory; its result.json says that it is done. Rates
are chosen on a seed of their own, so that no figure in the report has been picked for being low.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from primetone.compare.arms import Arm, Question, chosen_arms, question
from primetone.compare.report import summarise, write_report
from primetone.config import apply_overrides, encode
from primetone.errors import ConfigError, RunError, UnknownTokenError
from primetone.files import read_json, write_json
from primetone.recipe import Recipe, decode_recipe, encode_recipe, load_recipe

RESULT = "result.json"
PLAN = "plan.json"
FLOORS = "floors.json"
CORRUPTED_SHARE = 0.05
"""Characters swapped with the next, dropped, or put outside the alphabet, to see who minds."""
CORRUPTED_TOKENS = 32_768
"""So much of the validation text is read corrupted, and by those that only choose a rate."""
TUNING_SEED = 1000
"""Of the trainings that choose an arm's rate; those that count have seeds 0, 1, ..."""
NEW_CHARACTER = "\U0010fffd"
"""Stands for a grown alphabet: a character that no text has."""

Say = Callable[[str], None]
Equal = Literal["flops", "tokens"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training: its place among the others, and the recipe."""

    arm: str
    rate: float
    seed: int
    recipe: Recipe

    def folder(self, out: Path) -> Path:
        """Its run directory."""
        return out / "runs" / self.arm / f"rate_{self.rate:g}_seed_{self.seed}"


def compare(
    name: str,
    data: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    arms: Sequence[str] = (),
    seeds: int = 5,
    rates: Sequence[float] = (),
    equal: Equal = "flops",
    overrides: Sequence[str] = (),
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Train every arm and report; a directory that holds part of the cells is gone on with.

    All arms have the parameters of the largest within 1 %, by the feed-forward width, and the same
    training FLOPs (or tokens). The rate of an arm is the best of the grid on a seed of its own; a
    grid of one rate needs no such trainings. Writes results.json, table.md and comparison.png into
    `out`.
    """
    asked, folder = question(name), Path(out)
    if seeds < 1:
        raise ConfigError(f"seeds: expected at least 1, found {seeds}")
    chosen = chosen_arms(asked, arms)
    grid = tuple(rates) or asked.rates
    base = load_recipe(asked.recipe, overrides)
    _require_same_plan(folder, base, data, grid, equal)
    sized = _match(asked, chosen, base, data, folder, equal, say)
    results: dict[str, list[dict[str, Any]]] = {}
    for arm, recipe in sized.items():
        tuned = grid[0]
        if len(grid) > 1:
            tried = [
                _settle(_cell(arm, recipe, rate, seed=TUNING_SEED), data, folder, say)
                for rate in grid
            ]
            best = min(tried, key=lambda result: (result["bits_per_character"], result["rate"]))
            tuned = best["rate"]
        cells = [_cell(arm, recipe, tuned, seed=seed) for seed in range(seeds)]
        results[arm] = [_settle(cell, data, folder, say) for cell in cells]
        floors = _floors(cells[0], folder)
        # A report after every arm: whoever stops the experiment has what there is.
        report = summarise(asked, {name: chosen[name].words for name in results}, results, floors)
        write_report(folder, report)
    return report


def _cell(arm: str, recipe: Recipe, rate: float, *, seed: int) -> Cell:
    train = replace(recipe.train, seed=seed)
    optimizer = replace(
        recipe.optimizer,
        learning_rate=rate,
        # Muon's rate keeps its proportion to the other one's.
        muon_learning_rate=recipe.optimizer.muon_learning_rate
        * rate
        / recipe.optimizer.learning_rate,
    )
    return Cell(
        arm=arm, rate=rate, seed=seed, recipe=replace(recipe, train=train, optimizer=optimizer)
    )


def _settle(
    cell: Cell, data: Sequence[str | os.PathLike[str]], out: Path, say: Say
) -> dict[str, Any]:
    """The result of a cell, trained if need be, from its last checkpoint on."""
    from primetone.run import train

    folder = cell.folder(out)
    done = folder / RESULT
    if not done.exists():
        say(f"{cell.arm}, rate {cell.rate:g}, seed {cell.seed}")
        run = train(cell.recipe, list(data), folder, resume="auto")
        figures = _judge(run, is_tuning=cell.seed == TUNING_SEED)
        write_json(done, {"arm": cell.arm, "rate": cell.rate, "seed": cell.seed, **figures})
    found: dict[str, Any] = read_json(done)
    return found


def _judge(run: Any, *, is_tuning: bool) -> dict[str, Any]:
    """Bits per character of the validation text as it is, and corrupted; cost.

    A part is read corrupted; what it costs more than the same part as it is, is added to the whole.
    """
    ids = np.asarray(run.data().validation.ids)
    model, judge = run.model(), run.judge

    def bits(read: np.ndarray, counts: np.ndarray | None = None) -> float:
        shift = judge.window.shift
        spoken = read[shift:] if counts is None else read[shift:][counts[shift:]]
        num_characters = int(judge.characters_V[spoken].sum(dtype=np.int64))
        score = judge.score(model, read, counts=counts)
        return float(score.bits_per_byte(max(num_characters, 1)))

    part = ids[:CORRUPTED_TOKENS]
    figures = {"bits_per_character": bits(part if is_tuning else ids)}
    if not is_tuning:
        plain = bits(part)
        for key, corrupted, counts in _corrupted(part, _new_id(run)):
            figures[key] = figures["bits_per_character"] + bits(corrupted, counts) - plain
    facts = run.facts()
    return {
        **figures,
        "num_parameters": facts["num_parameters"],
        "steps": facts["latest_step"],
        "tokens": facts["last_tokens"],
        "seconds": facts["last_elapsed_seconds"],
    }


def _new_id(run: Any) -> int | None:
    """What a character outside the alphabet becomes; None where it is refused."""
    try:
        return int(run.tokenizer.encode(NEW_CHARACTER)[0])
    except UnknownTokenError:
        return None


def _corrupted(
    ids: np.ndarray, new_id: int | None
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Neighbours swapped; characters missing; characters that are new, with all others scored."""
    random = np.random.default_rng(0)
    hit = random.random(len(ids) - 1) < CORRUPTED_SHARE
    hit[1:] &= ~hit[:-1]  # nobody is swapped twice
    swapped = ids.copy()
    places = np.flatnonzero(hit)
    swapped[places], swapped[places + 1] = ids[places + 1], ids[places]
    yield "swapped_bits_per_character", swapped, None
    yield "dropped_bits_per_character", ids[random.random(len(ids)) >= CORRUPTED_SHARE], None
    if new_id is not None:
        old = random.random(len(ids)) >= CORRUPTED_SHARE
        yield "grown_bits_per_character", np.where(old, ids, new_id).astype(ids.dtype), old


def _floors(cell: Cell, out: Path) -> dict[str, float]:
    """Bits per character of models that count, and of compressors, on the same split; once."""
    path = out / FLOORS
    if not path.exists():
        from primetone.evaluation.baselines import kneser_ney_bits_per_byte, measure_baselines
        from primetone.run import Run
        from primetone.run.judging import training_text

        run = Run.open(cell.folder(out))
        data = run.data()
        known = training_text(data.train, run.tokenizer)
        ids = np.asarray(data.validation.ids)[run.judge.window.shift :]
        text = run.tokenizer.decode_bytes(ids[run.judge.lengths_V[ids] > 0])
        plain = measure_baselines(known, text).bits_per_byte
        per_byte = {
            "Kneser-Ney, 6 bytes": kneser_ney_bits_per_byte(known, text, order=6),
            "Witten-Bell, best order": plain["ngram_best"],
            "PPMd, 6 bytes": plain["ppm"],
            "xz": plain["xz"],
        }
        num_characters = int(run.judge.characters_V[ids].sum(dtype=np.int64))
        scale = len(text) / max(num_characters, 1)
        write_json(path, {name: bits * scale for name, bits in per_byte.items()})
    found: dict[str, float] = read_json(path)
    return found


def _match(
    asked: Question,
    arms: dict[str, Arm],
    base: Recipe,
    data: Sequence[str | os.PathLike[str]],
    out: Path,
    equal: Equal,
    say: Say,
) -> dict[str, Recipe]:
    """Each arm's recipe, with the parameters and the training FLOPs of the largest one."""
    from primetone.run.size import count_parameters

    size = _vocabulary(base, data, out)
    tree = encode(base)
    plain = {
        name: decode_recipe(apply_overrides(tree, arm.overrides)) for name, arm in arms.items()
    }
    counts = {name: count_parameters(recipe, size) for name, recipe in plain.items()}
    largest = max(counts, key=lambda name: counts[name])
    spent = _flops(plain[largest], size)
    sized = {}
    for name, unsized in plain.items():
        recipe = unsized
        if name != largest:
            recipe = _resized(unsized, asked.sized_by, counts[largest], size)
        found, cost = count_parameters(recipe, size), _flops(recipe, size)
        if abs(found - counts[largest]) > 0.01 * counts[largest]:
            raise ConfigError(
                f"{name} cannot have the {counts[largest]:,} parameters of {largest} by "
                f"{asked.sized_by} alone (nearest {found:,}): leave one of the two out"
            )
        if equal == "flops":
            steps = max(1, round(base.train.steps * spent / cost))
            recipe = replace(recipe, train=replace(recipe.train, steps=steps))
        say(
            f"{name}: {found:,} parameters, {cost / 1e6:.2f} MFLOP a token forward, "
            f"{recipe.train.steps:,} steps"
        )
        sized[name] = recipe
    return sized


def _resized(recipe: Recipe, key: str, wanted: int, vocab_size: int) -> Recipe:
    """Parameters grow linearly with the key: two counts give the line, a few more the rounding."""
    from primetone.run.size import count_parameters

    tree = encode(recipe)

    def at(factor: float) -> Recipe:
        return decode_recipe(apply_overrides(tree, [f"{key}={factor!r}"]))

    one, two = (count_parameters(at(factor), vocab_size) for factor in (1.0, 2.0))
    factor = max(0.05, 1.0 + (wanted - one) / (two - one))
    return at(factor)


def _flops(recipe: Recipe, vocab_size: int) -> float:
    """Floating-point operations of the products in one forward pass, a token."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from primetone.families import family

    kind = family(recipe.family)
    model = kind.build(recipe.model, vocab_size=vocab_size)
    length = kind.window(recipe.model).length
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, length, dtype=torch.int64))
    return float(counter.get_total_flops()) / length


def _vocabulary(base: Recipe, data: Sequence[str | os.PathLike[str]], out: Path) -> int:
    """The size of the alphabet, from the text, once."""
    path = out / "vocabulary.json"
    if not path.exists():
        from primetone.run.data import learn_tokenizer
        from primetone.text.corpus import Corpus

        corpus = Corpus.read(list(data), encoding=base.data.encoding, field=base.data.field)
        split = corpus.split(base.data.validation_fraction, by=base.data.split_by)
        found = learn_tokenizer(base.tokenizer, corpus, split)
        write_json(path, {"vocab_size": found.vocab_size})
    return int(read_json(path)["vocab_size"])


def _require_same_plan(
    out: Path,
    base: Recipe,
    data: Sequence[str | os.PathLike[str]],
    rates: tuple[float, ...],
    equal: Equal,
) -> None:
    """What a directory began with it goes on with: cells of two plans must not meet in a table."""
    plan = {
        **encode_recipe(base),
        "data": [str(Path(one).absolute()) for one in data],
        "rates": list(rates),
        "equal": equal,
        "tuning_seed": TUNING_SEED,
    }
    path = out / PLAN
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, plan)
    elif (before := read_json(path)) != plan:
        odd = sorted(key for key in plan if before.get(key) != plan[key])
        raise RunError(
            f"{out} holds an experiment with other settings ({', '.join(odd)} differ): set them "
            "back to go on with it, or choose another --out"
        )
