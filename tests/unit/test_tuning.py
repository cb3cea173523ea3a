"""A study without its trainings: spaces, plans, suggestions, early ends, reports."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from primetone.config import encode, flatten, toml_text
from primetone.errors import ConfigError, FormatError, RunError
from primetone.plots.tuning import plot_study
from primetone.recipe import Recipe, changed_keys, decode_recipe, load_recipe, recipe_names
from primetone.run.size import count_parameters
from primetone.tuning.advice import enough_trials, guided_trials, notes_on
from primetone.tuning.plan import Plan, read_plan, require_same_plan, write_plan
from primetone.tuning.report import make_report, table
from primetone.tuning.search import JOURNAL, NAME, Search, bracket_of, build_pruner
from primetone.tuning.settings import (
    OWN,
    held_in_size,
    recipe_to_keep,
    trial_recipe,
    with_keys,
)
from primetone.tuning.spaces import (
    HELD_SIZE,
    PRESETS,
    WARMUP_SHARE,
    Dimension,
    decode_space,
    encode_space,
    space_for,
)

pytest.importorskip("optuna", reason="tuning needs optuna")


def plan_of(recipe: str | Recipe = "decoder", preset: str = "default", **changes: Any) -> Plan:
    chosen = PRESETS[preset]
    base = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    values: dict[str, Any] = {
        "preset": preset,
        "recipe": base,
        "space": space_for(chosen, encode(base), ()),
        "objective": "bits_per_byte",
        "sampler": chosen.sampler,
        "pruner": chosen.pruner,
        "rungs": chosen.rungs,
        "seed": chosen.seed,
        "training_seed": chosen.training_seed,
        "data_fingerprint": "d",
        "tokenizer_fingerprint": "t",
        "validation_fingerprint": "",
        "sources": ("text.txt",),
        "validation_sources": (),
    }
    return Plan(**{**values, **changes})


def classic_plan() -> Plan:
    return plan_of("bpe-classic", "bpe-classic")


def ends(dimension: Dimension) -> tuple[Any, ...]:
    return dimension.choices or (dimension.low, dimension.high)


def sphere(values: dict[str, Any]) -> float:
    """Something to minimise that wants most keys somewhere inside."""
    numbers = [value for value in values.values() if isinstance(value, int | float)]
    return 1.0 + sum((np.log1p(number) - 0.3) ** 2 for number in numbers)


def play(search: Search, count: int) -> list[dict[str, Any]]:
    """Trials that end as `sphere` says, their curves falling towards it."""
    suggested = []
    for _ in range(count):
        trial = search.ask()
        suggested.append(dict(trial.values))
        value, outcome = sphere(trial.values), "complete"
        for rung in range(1, search.plan.rungs + 1):
            if search.report(trial.number, rung, value * (1 + 1 / rung)):
                outcome = "pruned"
                break
        search.finish(
            trial.number,
            outcome,  # type: ignore[arg-type]
            value=value if outcome == "complete" else None,
            facts={"seconds": 1.0, "steps": 9, "num_parameters": 10},
        )
    return suggested


@pytest.mark.parametrize("name", recipe_names())
def test_every_value_of_a_space_is_one_of_the_recipe(name: str) -> None:
    recipe = load_recipe(name)
    for preset in PRESETS.values():
        if preset.recipe not in (None, name) or recipe.family not in preset.spaces:
            continue
        space = space_for(preset, encode(recipe), ())
        assert len(space) >= 3
        for key, dimension in space.items():
            if not key.startswith(OWN):
                for value in ends(dimension):
                    changed = with_keys(recipe, {key: value})
                    assert dict(flatten(encode(changed)))[key] == value


def test_the_classic_preset_is_that_of_the_original() -> None:
    preset = PRESETS["bpe-classic"]
    assert (preset.trials, preset.rungs, preset.pruner, preset.seed) == (25, 30, "hyperband", 2025)
    assert "train.epochs=30" in preset.overrides
    rows = {row.key.rpartition(".")[2]: row.dimension for row in preset.spaces["decoder"]}
    assert ends(rows["learning_rate"]) == (1e-4, 1e-3) and rows["learning_rate"].scale == "log"
    assert ends(rows["weight_decay"]) == (1e-6, 1e-2) and rows["weight_decay"].scale == "log"
    assert ends(rows["dropout"]) == (0.0, 0.15)
    assert ends(rows["label_smoothing"]) == (0.0, 0.06)
    assert ends(rows["rise_fraction"]) == (0.1, 0.5)
    assert rows["heads"].choices == (2, 4)
    assert rows["layers"].choices == (2, 3, 4, 6)
    assert rows["width"].choices == (48, 64)
    assert rows["activation"].choices == ("relu", "gelu")
    assert rows["mlp_factor"].choices == (2.0, 4.0)
    assert len(rows) == 10
    assert preset.recipe is not None
    known = dict(flatten(encode(load_recipe(preset.recipe))))
    assert {row.key for row in preset.spaces["decoder"]} <= set(known)


def test_a_key_that_the_user_sets_is_not_searched() -> None:
    tree = encode(load_recipe("decoder"))
    space = space_for(PRESETS["default"], tree, ["model.dropout", "model.width", "generate.seed"])
    assert "model.dropout" not in space and HELD_SIZE not in space
    assert "train.batch_size" in space
    with pytest.raises(ConfigError, match="every key"):
        space_for(PRESETS["default"], tree, [*space, *_all_keys(), "model.layers"])


def _all_keys() -> list[str]:
    return [row.key for row in PRESETS["default"].spaces["decoder"]]


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"low": 1}, "low and high"),
        ({"low": 1, "high": 2.0}, "of one kind"),
        ({"low": 2, "high": 1}, "low < high"),
        ({"low": 0.0, "high": 1.0, "scale": "log"}, "above 0"),
        ({"low": 1, "high": 2, "choices": [1]}, "found both"),
        ({"low": 1, "hihg": 2}, "high"),
    ],
)
def test_wrong_dimensions_say_what_is_wrong(tree: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        decode_space({"model": {"dropout": tree}})


def test_spaces_are_written_and_read() -> None:
    space = plan_of().space
    assert decode_space(encode_space(space)) == space
    with pytest.raises(ConfigError, match="expected a table"):
        decode_space({"model": {"width": 3}})


@pytest.mark.parametrize("sampler", ["tpe", "tpe-classic", "random"])
def test_a_study_that_is_stopped_suggests_the_same(tmp_path: Path, sampler: Any) -> None:
    plan = plan_of(sampler=sampler)
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    whole = play(Search(tmp_path / "whole", plan), 14)
    halves = []
    for _ in range(7):
        halves += play(Search(tmp_path / "halves", plan), 2)
    assert halves == whole
    assert len({json.dumps(values) for values in whole}) == 14
    other = tmp_path / "other"
    other.mkdir()
    assert play(Search(other, plan_of(sampler=sampler, seed=1)), 2) != whole[:2]


def test_random_suggestions_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    """In whatever order several workers end: here trials are asked for before any has ended."""
    plan = plan_of(sampler="random")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one_by_one = play(Search(tmp_path / "a", plan), 6)
    together = Search(tmp_path / "b", plan)
    assert [dict(together.ask().values) for _ in range(6)] == one_by_one


def test_tpe_finds_more_than_chance(tmp_path: Path) -> None:
    for name in ("tpe", "random"):
        (tmp_path / name).mkdir()
    means = {}
    for name in ("tpe", "random"):
        plan = plan_of(sampler=name, pruner="none")
        values = [sphere(one) for one in play(Search(tmp_path / name, plan), 35)]
        means[name] = np.mean(values[20:])
    assert means["tpe"] < means["random"]


def test_an_interrupted_trial_is_taken_up_with_its_values(tmp_path: Path) -> None:
    search = Search(tmp_path, plan_of())
    trial = search.ask()
    search.report(trial.number, 1, 2.0)
    again = Search(tmp_path, plan_of())
    (found,) = again.trials()
    assert found.outcome == "running"
    taken = again.take_up(found.number)
    assert taken.values == trial.values and taken.curve == {1: 2.0}
    again.report(0, 1, 2.0)  # the training begins anew where there was no checkpoint
    again.report(0, 2, 1.5)
    assert again.finish(0, "complete", value=1.25, facts={}).value == 1.25
    assert again.trials()[0].curve == {1: 2.0, 2: 1.5}


def test_a_torn_line_of_the_journal_is_dropped(tmp_path: Path) -> None:
    search = Search(tmp_path, plan_of())
    play(search, 2)
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    for cut in (b'{"op_code": 6, "work', b"{"):
        journal.write_bytes(whole + cut)
        (tmp_path / f"{JOURNAL}.lock").write_text("of a process that was killed")
        again = Search(tmp_path, plan_of())
        assert [trial.outcome != "running" for trial in again.trials()] == [True, True]
    play(again, 1)
    assert len(Search(tmp_path, plan_of()).trials()) == 3
    journal.write_bytes(b"no journal\n" + whole)
    with pytest.raises(FormatError, match="damaged"):
        Search(tmp_path, plan_of())


@pytest.mark.parametrize("rungs", [3, 9, 27, 30])
def test_brackets_are_those_of_optuna(rungs: int) -> None:
    pruner: Any = build_pruner("hyperband", rungs)
    pruner._try_initialization(None)
    plan = plan_of(pruner="hyperband", rungs=rungs)
    for number in range(300):
        study, trial = SimpleNamespace(study_name=NAME), SimpleNamespace(number=number)
        assert bracket_of(plan, number) == pruner._get_bracket_id(study, trial)


def test_the_original_search_is_called_too_small() -> None:
    plan = classic_plan()
    (note,) = notes_on(plan, 25)
    assert f"at most {guided_trials(plan, 25)} of 25" in note
    assert guided_trials(plan, 25) <= 6, "nearly all of it is random search"
    enough = enough_trials(plan)
    assert guided_trials(plan, enough) >= enough / 2 > guided_trials(plan, enough - 1) - 1
    assert not list(notes_on(plan, enough))
    assert not list(notes_on(plan_of(), 60))
    assert not list(notes_on(plan_of(sampler="random"), 5))


def test_settings_that_diverge_are_kept_away_from(tmp_path: Path) -> None:
    """Told as the worst there is: TPE goes where trainings end well."""
    space = {"model.dropout": Dimension(low=0.0, high=1.0)}
    search = Search(tmp_path, plan_of(space=space, pruner="none"))
    drawn = []
    for _ in range(40):
        trial = search.ask()
        drawn.append(trial.values["model.dropout"])
        bad = drawn[-1] > 0.4
        search.finish(
            trial.number,
            "diverged" if bad else "complete",
            value=None if bad else 2.0 + (drawn[-1] - 0.15) ** 2,
            facts={"reason": "training diverged"} if bad else {},
        )
    assert np.mean(np.array(drawn[10:]) > 0.4) < 0.25
    assert {trial.outcome for trial in search.trials()} == {"diverged", "complete"}


def test_sizes_are_held() -> None:
    for name in ("decoder", "char", "signal"):
        base = load_recipe(name)
        wanted = count_parameters(base, 300)
        for layers in (2, 5, 8):
            recipe = held_in_size(base, base, layers, 300)
            found = count_parameters(recipe, 300)
            assert abs(found - wanted) < 0.11 * wanted, (name, layers)
            trunk = recipe.model.trunk if name == "signal" else recipe.model
            assert trunk.layers == layers


def test_trials_are_equally_long_whatever_the_batch() -> None:
    plan = plan_of()
    tokenizer: Any = SimpleNamespace(vocab_size=300)
    wanted = plan.recipe.train.steps * plan.recipe.train.batch_size
    for batch in (4, 8, 16, 32):
        values = {"train.batch_size": batch, WARMUP_SHARE: 0.1, HELD_SIZE: 3}
        recipe = trial_recipe(plan, 5, values, data=None, tokenizer=tokenizer, threads=2)  # type: ignore[arg-type]
        train = recipe.train
        assert abs(train.steps * batch - wanted) <= plan.rungs * batch
        assert train.steps == plan.rungs * train.eval_every
        assert recipe.schedule.warmup_steps == round(0.1 * train.steps)
        assert (train.threads, train.save_every, train.seed) == (2, 0, plan.recipe.train.seed)
        kept = recipe_to_keep(plan, recipe)
        assert set(changed_keys(plan.recipe, kept)) <= {
            *("train.batch_size", "train.steps", "schedule.warmup_steps"),
            *("model.layers", "model.width"),
        }
    by_trial = plan_of(training_seed="by trial", seed=2025)
    recipe = trial_recipe(by_trial, 5, {}, data=None, tokenizer=tokenizer, threads=1)  # type: ignore[arg-type]
    assert recipe.train.seed == 2030


def test_epochs_stay_epochs() -> None:
    base = with_keys(load_recipe("decoder"), {"train.epochs": 3.0})
    plan = plan_of(base)

    class Stream(SimpleNamespace):
        def __len__(self) -> int:
            return len(self.ids)

    data: Any = SimpleNamespace(train=Stream(ids=np.zeros(256 * 90 + 1, np.uint16)))
    tokenizer: Any = SimpleNamespace(vocab_size=300)
    recipe = trial_recipe(
        plan, 0, {"train.batch_size": 8}, data=data, tokenizer=tokenizer, threads=1
    )
    assert recipe.train.epochs is None
    assert recipe.train.steps == 9 * round(3 * 12 / 9)  # 89 windows are 12 batches
    kept = recipe_to_keep(plan, recipe)
    assert kept.train.epochs == 3.0 and kept.train.steps == base.train.steps


def test_plans_are_compared_by_what_differs(tmp_path: Path) -> None:
    plan = plan_of()
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    require_same_plan(tmp_path, plan, read_plan(tmp_path))
    space = {**plan.space, "model.dropout": Dimension(low=0.0, high=0.5)}
    other = plan_of(
        recipe="char", pruner="none", space=space, data_fingerprint="e", sources=("moved.txt",)
    )
    with pytest.raises(RunError) as caught:
        require_same_plan(tmp_path, plan, other)
    for words in (
        "pruner (was halving, now none)",
        "search space of model.dropout (was 0 to 0.2, now 0 to 0.5)",
        "recipe.tokenizer.kind (was bpe, now char)",
        "the data's fingerprint (was d, now e)",
    ):
        assert words in str(caught.value)
    assert "moved" not in str(caught.value)
    path = tmp_path / "study.json"
    for damage in ('{"format": "other"}', path.read_text().replace('"rungs"', '"rung"')):
        path.write_text(damage)
        with pytest.raises(FormatError):
            read_plan(tmp_path)
    with pytest.raises(RunError, match="not a study"):
        read_plan(tmp_path / "nowhere")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_in_toml_reads_back_the_same(name: str) -> None:
    recipe: Recipe = load_recipe(name)
    assert decode_recipe(tomllib.loads(toml_text(encode(recipe)))) == recipe


SHORT = st.text(max_size=6)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.one_of(
            SHORT,
            st.integers(-(2**62), 2**62),
            st.booleans(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.lists(
                st.one_of(SHORT, st.floats(allow_nan=False, allow_infinity=False)), max_size=4
            ),
            st.dictionaries(st.sampled_from(["d", "e"]), SHORT, max_size=2),
        ),
    )
)
def test_toml_reads_back_what_was_written(tree: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(tree)) == tree


def test_a_report_of_all_kinds_of_ends(tmp_path: Path) -> None:
    search = Search(tmp_path, plan_of())
    empty = make_report(search.plan, search)
    assert "0 trials: none yet" in table(empty) and plot_study(empty, tmp_path) == []
    play(search, 30)
    for outcome in ("diverged", "out of memory", "failed"):
        trial = search.ask()
        search.finish(trial.number, outcome, value=None, facts={"reason": f"why {outcome}"})  # type: ignore[arg-type]
    search.ask()
    report = make_report(search.plan, search)
    assert report["outcomes"]["running"] == 1 and sum(report["outcomes"].values()) == 34
    values = [trial["value"] for trial in report["trials"] if trial["value"] is not None]
    assert report["trials"][report["best"]]["value"] == min(values)
    assert set(report["importances"]) == set(search.plan.space)
    assert all(0 <= share <= 1 for share in report["importances"].values())
    text = table(report)
    assert "- trial 31 out of memory: why out of memory" in text
    assert f"| {report['best']} | {min(values):.4f} |" in text.splitlines()[2]
    drawn = plot_study(report, tmp_path)
    assert {path.name for path in drawn} == {
        f"{name}.{kind}" for name in ("history", "slices", "importances") for kind in ("png", "svg")
    }


def test_the_weight_is_on_the_key_that_matters(tmp_path: Path) -> None:
    space = {
        "model.dropout": Dimension(low=0.0, high=1.0),
        "optimizer.learning_rate": Dimension(low=1e-4, high=1e-1, scale="log"),
        "model.heads": Dimension(choices=(1, 2, 4)),
    }
    search = Search(tmp_path, plan_of(space=space, sampler="random", pruner="none"))
    for _ in range(40):
        trial = search.ask()
        far = abs(np.log10(trial.values["optimizer.learning_rate"]) + 2.5)
        value = 2.0 + far + 0.01 * trial.values["model.dropout"]
        search.finish(trial.number, "complete", value=value, facts={})
    weights = search.importances()
    assert weights["optimizer.learning_rate"] > 0.6
