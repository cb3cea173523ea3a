"""Optuna behind a door of our own: what to try next, when to give up, and the journal of both.

One process alone asks and writes. That makes a study repeatable: the sampler is made anew for each
trial from the study's seed and the trial's number, so nothing depends on how often a study was
stopped. What a suggestion depends on besides is which trials had ended when it was asked for: with
one worker all before it, with more of them those that were quick enough.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from primetone.errors import FormatError
from primetone.tuning.plan import Plan
from primetone.tuning.settings import rounded
from primetone.tuning.spaces import Dimension, Pruner, Sampler

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"
NAME = "primetone"
"""Of every study: Hyperband chooses a trial's bracket by this name and the trial's number."""
REDUCTION = 3
"""One trial in so many goes on at each rung."""
STARTUP = 10
"""Trials that TPE draws at random before it has anything to go by."""

Outcome = Literal["running", "complete", "pruned", "diverged", "out of memory", "failed"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial as the journal has it."""

    number: int
    outcome: Outcome
    values: Mapping[str, Any]
    """What was suggested, rounded, by key of the search space."""
    value: float | None
    """Of a complete trial: the objective."""
    curve: Mapping[int, float]
    """The objective at each evaluation, numbered from 1."""
    facts: Mapping[str, Any]
    """What its worker said of it: parameters, steps, seconds, the reason of an end."""


class Search:
    """The trials of one study: `ask`, `report`, `finish`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.plan = plan
        journal = folder / JOURNAL
        lock = JournalFileOpenLock(str(journal))
        # This process alone holds the folder: what a killed one left behind is nobody's.
        _drop_torn_line(journal)
        journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
        backend = JournalFileBackend(str(journal), lock)
        try:
            self.study = optuna.create_study(
                storage=optuna.storages.JournalStorage(backend),
                study_name=NAME,
                direction="minimize",
                load_if_exists=True,
                pruner=build_pruner(plan.pruner, plan.rungs),
            )
        except (KeyError, ValueError) as error:
            raise FormatError(f"{journal} is damaged: {error}; restore it from a copy") from error

    def trials(self) -> list[Trial]:
        """All trials in the order of their numbers."""
        return [_trial_of(frozen) for frozen in self._frozen()]

    def ask(self) -> Trial:
        """A new trial with values for every key of the space."""
        number = len(self._frozen())
        self.study.sampler = build_sampler(self.plan.sampler, self.plan.seed, number)
        trial = self.study.ask()
        self._suggest(trial)
        return self.trials()[number]

    def take_up(self, number: int) -> Trial:
        """A trial whose study was stopped, with the values it had."""
        self.study.sampler = build_sampler(self.plan.sampler, self.plan.seed, number)
        self._suggest(self._open(number))
        return self.trials()[number]

    def report(self, number: int, rung: int, value: float) -> bool:
        """Note the objective at an evaluation; True where the trial should end here."""
        import optuna

        trial = self._open(number)
        known = self._frozen()[number].intermediate_values
        if rung not in known:
            trial.report(value, rung)
        if isinstance(self.study.pruner, optuna.pruners.NopPruner) or rung >= self.plan.rungs:
            return False
        return trial.should_prune()

    def finish(
        self, number: int, outcome: Outcome, *, value: float | None, facts: Mapping[str, Any]
    ) -> Trial:
        """Note how a trial ended.

        Settings that diverge or do not fit into memory are told as given up, without an evaluation
        as the worst there is: TPE then keeps away from them. Other failures are left out.
        """
        from optuna.trial import TrialState

        trial = self._open(number)
        for key, fact in {**facts, "outcome": outcome}.items():
            trial.set_user_attr(key, fact)
        if outcome == "complete":
            self.study.tell(number, value)
        else:
            state = TrialState.FAIL if outcome == "failed" else TrialState.PRUNED
            self.study.tell(number, state=state)
        return self.trials()[number]

    def importances(self) -> dict[str, float]:
        """The share of each key in what parts the best fifth from all trials; {} for too few.

        By PED-ANOVA (arXiv 2304.10255) over all that ended by a verdict. Trials that were given up
        count as no better than the worst complete one: at equal length they would be.
        """
        import optuna

        ended = [trial for trial in self.trials() if trial.outcome not in ("running", "failed")]
        values = [trial.value for trial in ended if trial.value is not None]
        if len(values) < 2 or len(ended) < 2 * STARTUP:
            return {}
        worst = max(values)
        whole = optuna.create_study(direction="minimize")
        for trial in ended:
            last = list(trial.curve.values())[-1:]
            frozen = self._frozen()[trial.number]
            value = trial.value if trial.value is not None else max([worst, *last])
            whole.add_trial(
                optuna.trial.create_trial(
                    params=frozen.params, distributions=frozen.distributions, value=value
                )
            )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.2)
        found = optuna.importance.get_param_importances(whole, evaluator=evaluator)
        return {key: float(share) for key, share in found.items()}

    def _frozen(self) -> list[optuna.trial.FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _open(self, number: int) -> optuna.trial.Trial:
        import optuna

        return optuna.trial.Trial(self.study, self._frozen()[number]._trial_id)

    def _suggest(self, trial: optuna.trial.Trial) -> None:
        for key, dimension in self.plan.space.items():
            _suggest_one(trial, key, dimension)


def build_sampler(name: Sampler, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one trial."""
    import optuna

    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=4).digest()
    own = int.from_bytes(digest, "little")
    match name:
        case "random":
            return optuna.samplers.RandomSampler(seed=own)
        case "tpe":
            return optuna.samplers.TPESampler(seed=own, n_startup_trials=STARTUP)
        case "tpe-classic":
            return optuna.samplers.TPESampler(
                seed=own, n_startup_trials=STARTUP, multivariate=False, constant_liar=False
            )


def build_pruner(name: Pruner, rungs: int) -> optuna.pruners.BasePruner:
    """The pruner of trials with so many evaluations.

    Halving and median begin at a third of a trial. Measured (24 random trials of `char` to their
    ends, space `default`): after 1/9 the order of trials has a rank correlation of 0.68 with the
    last one, and the three best at the end stood at places 12, 15 and 5; after 1/3 it is 0.91, and
    they stood at 3, 4 and 7. Halving at 1/9 would have lost the two best.
    """
    import optuna

    match name:
        case "halving":
            return optuna.pruners.SuccessiveHalvingPruner(
                min_resource=max(1, rungs // REDUCTION), reduction_factor=REDUCTION
            )
        case "hyperband":
            return optuna.pruners.HyperbandPruner(
                min_resource=1, max_resource=rungs, reduction_factor=REDUCTION
            )
        case "median":
            return optuna.pruners.MedianPruner(
                n_startup_trials=5, n_warmup_steps=max(1, rungs // REDUCTION)
            )
        case "none":
            return optuna.pruners.NopPruner()


def bracket_of(plan: Plan, number: int) -> int:
    """The bracket that Hyperband has for a trial, by its name and number alone; else always 0."""
    if plan.pruner != "hyperband":
        return 0
    # As in Optuna, whose own function wants a study in which trials have been pruned.
    num_brackets = math.floor(math.log(plan.rungs, REDUCTION)) + 1
    budgets = [
        math.ceil(num_brackets * REDUCTION**rest / (rest + 1))
        for rest in reversed(range(num_brackets))
    ]
    place = zlib.crc32(f"{NAME}_{number}".encode()) % sum(budgets)
    for bracket, budget in enumerate(budgets):
        place -= budget
        if place < 0:
            return bracket
    raise AssertionError("unreachable")


def _suggest_one(trial: optuna.trial.Trial, key: str, dimension: Dimension) -> None:
    if dimension.choices:
        trial.suggest_categorical(key, list(dimension.choices))
        return
    low, high, log = dimension.low, dimension.high, dimension.scale == "log"
    if isinstance(low, int) and isinstance(high, int):
        trial.suggest_int(key, low, high, log=log)
    elif low is not None and high is not None:
        trial.suggest_float(key, low, high, log=log)


def _trial_of(frozen: optuna.trial.FrozenTrial) -> Trial:
    facts = dict(frozen.user_attrs)
    outcome: Outcome = "running"
    if frozen.state.is_finished():
        outcome = facts.get("outcome", "failed")
    is_complete = outcome == "complete"
    return Trial(
        number=frozen.number,
        outcome=outcome,
        values=rounded(frozen.params),
        value=frozen.value if is_complete else None,
        curve=dict(sorted(frozen.intermediate_values.items())),
        facts={key: fact for key, fact in facts.items() if key != "outcome"},
    )


def _drop_torn_line(journal: Path) -> None:
    """Take away a last line whose writer was killed: the next one would be appended to it."""
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        if end != len(data):
            file.truncate(end)
