"""Running a study: asking for trials, handing them to workers, judging, keeping the best."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from primetone import explain_missing
from primetone.errors import Error, RunError
from primetone.files import held_alone, remove_directory, sweep_stale
from primetone.recipe import Recipe, load_recipe
from primetone.training.stopping import StopRequest, raise_stop
from primetone.tuning.advice import notes_on
from primetone.tuning.crew import Crew, Heard, cores, cuda_devices
from primetone.tuning.messages import END_IT, GO_ON
from primetone.tuning.places import BEST, trial_folder
from primetone.tuning.plan import Plan, read_plan
from primetone.tuning.prepare import prepare_study
from primetone.tuning.report import make_report, objective_words, write_pictures, write_report
from primetone.tuning.search import Search, Trial
from primetone.tuning.spaces import Pruner, Sampler, preset_named

PathLike = str | os.PathLike[str]
Say = Callable[[str], None]
HOPELESS = 5
"""So many trials that failed, and none that did not, end a study."""
LISTEN_SECONDS = 0.2
BUSY = "is being tuned by another process"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study that was run: its folder, its plan, and what it found."""

    path: Path
    plan: Plan
    report: Mapping[str, Any]

    @property
    def best_recipe(self) -> Recipe:
        """The recipe of the best trial, to train with. Errors: RunError when there is none."""
        if not (self.path / BEST).exists():
            raise RunError(f"{self.path} has no complete trial yet: go on with the study")
        return load_recipe(self.path / BEST)


def tune(
    recipe: Recipe | PathLike,
    data: PathLike | Sequence[PathLike] | None,
    out: PathLike,
    *,
    trials: int | None = None,
    workers: int = 1,
    validation: PathLike | Sequence[PathLike] | None = None,
    preset: str = "default",
    overrides: Sequence[str] = (),
    space: Mapping[str, Any] | None = None,
    sampler: Sampler | None = None,
    pruner: Pruner | None = None,
    seed: int | None = None,
    keep: int = 3,
    say: Say = lambda _: None,
    status: Say = lambda _: None,
) -> Study:
    """Search the settings of a recipe for the fewest bits per byte; called again, it goes on.

    `trials` is how many there are in all, those of earlier calls included; `workers` processes
    train them, each with its share of the cores. What is not given is as the preset says. An
    override sets a key for all trials, which is then not searched. `space` is a search space of
    your own, as plain tables. `validation` is a text to validate on, in place of a share of the
    data; both may be None where a study goes on. The `keep` best trials keep
    their checkpoints. `say` hears of every trial that ends, `status` how far it all is.

    Errors: ConfigError for settings that fit no study, RunError where `out` holds another study or
    something else. Ctrl-C and SIGTERM stop all workers; what they were at goes on the next time.

    >>> study = primetone.tune("decoder", "book.txt", "studies/book", trials=60, workers=2)
    >>> primetone.train(study.best_recipe, "book.txt", "runs/best")
    """
    _require_optuna()
    folder = Path(out)
    chosen = preset_named(preset)
    with _place(folder), held_alone(folder, BUSY):
        plan = prepare_study(
            folder,
            recipe,
            data,
            validation=validation,
            preset=preset,
            overrides=overrides,
            space=space,
            sampler=sampler,
            pruner=pruner,
            seed=seed,
            say=say,
        )
        total = chosen.trials if trials is None else trials
        for note in notes_on(plan, total):
            say(f"note: {note}")
        search = Search(folder, plan)
        _Conductor(folder, plan, search, total=total, keep=keep, say=say, status=status).run(
            workers
        )
        report = make_report(plan, search)
        write_report(folder, report, plan)
        write_pictures(folder, report)
    return Study(path=folder, plan=plan, report=report)


def open_study(path: PathLike) -> Study:
    """A study as it stands, without going on with it; RunError while it is being run."""
    _require_optuna()
    folder = Path(path)
    plan = read_plan(folder)
    with held_alone(folder, BUSY):
        return Study(path=folder, plan=plan, report=make_report(plan, Search(folder, plan)))


@contextmanager
def _place(folder: Path) -> Iterator[None]:
    """The folder is made, and is gone again where nothing came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise explain_missing(error) from error


@final
class _Conductor:
    """Gives trials to workers until there are enough."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        search: Search,
        *,
        total: int,
        keep: int,
        say: Say,
        status: Say,
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.search = search
        self.total = total
        self.keep = keep
        self.say = say
        self.status = status
        found = search.trials()
        self.asked = len(found)
        self.interrupted = [trial.number for trial in found if trial.outcome == "running"]
        """Trials of a study that was stopped: they go on from their checkpoints."""
        self.at: dict[int, int] = {}
        """Slot -> the number of the trial that its worker is at."""
        self.ready: set[int] = set()
        self.began = time.monotonic()
        self.ended_here = 0

    def run(self, workers: int) -> None:
        """Train what is missing. Errors: Error where trial after trial fails."""
        self._clean()
        missing = len(self.interrupted) + max(0, self.total - self.asked)
        count = min(workers, missing)
        if not count:
            return
        with ExitStack() as stack:
            stop = stack.enter_context(StopRequest())
            devices = cuda_devices(self.plan.recipe.train.device)
            if devices and count > len(devices):
                self.say(f"note: {count} workers share {len(devices)} GPUs")
            threads = max(1, cores() // count)
            crew = stack.enter_context(Crew(self.folder, threads=threads, devices=devices))
            for slot in range(count):
                crew.start(slot)
            alive = count
            while alive:
                if stop.signal is not None:
                    self._stop(crew)
                    raise_stop(stop.signal)
                heard = crew.next(LISTEN_SECONDS)
                if heard is not None:
                    alive += self._take_in(crew, heard)
                self.status(self._how_far())

    def _take_in(self, crew: Crew, heard: Heard) -> int:
        """React to a worker; the change in the number of those that are alive."""
        slot, message = heard
        if message is None:
            return self._lose(crew, slot)
        match message["event"]:
            case "ready":
                self.ready.add(slot)
                self._give(crew, slot)
            case "value":
                ends = self.search.report(self.at[slot], message["rung"], message["value"])
                crew.tell(slot, {"answer": END_IT if ends else GO_ON})
            case "end":
                self._finish(self.at.pop(slot), message)
                if not message["is_last"]:
                    self._give(crew, slot)
        return 0

    def _give(self, crew: Crew, slot: int) -> None:
        """The next trial for a worker, if there is one."""
        if self.interrupted:
            trial = self.search.take_up(self.interrupted.pop(0))
        elif self.asked < self.total:
            trial = self.search.ask()
            self.asked += 1
        else:
            crew.dismiss(slot)
            return
        self.at[slot] = trial.number
        crew.tell(slot, {"number": trial.number, "values": dict(trial.values)})

    def _lose(self, crew: Crew, slot: int) -> int:
        """A worker has ended: on its own account, or with the trial that it was at."""
        words = crew.last_words(slot)
        if slot not in self.ready:
            raise RunError(f"a worker could not start, {words}; see {self.folder / 'logs'}")
        self.ready.discard(slot)
        if slot in self.at:
            end = {"outcome": "failed", "value": None, "facts": {"reason": words}}
            self._finish(self.at.pop(slot), end)
        if self.interrupted or self.asked < self.total:
            crew.start(slot)
            return 0
        return -1

    def _finish(self, number: int, end: Mapping[str, Any]) -> None:
        trial = self.search.finish(number, end["outcome"], value=end["value"], facts=end["facts"])
        self.ended_here += 1
        self.say(trial_line(trial, self.plan.objective))
        self._clean()
        write_report(self.folder, make_report(self.plan, self.search), self.plan)
        outcomes = [one.outcome for one in self.search.trials() if one.outcome != "running"]
        if len(outcomes) >= HOPELESS and set(outcomes) == {"failed"}:
            raise Error(
                f"the first {len(outcomes)} trials all failed, the last one so: "
                f"{trial.facts.get('reason')}; mend this and start a new study"
            )

    def _stop(self, crew: Crew) -> None:
        """Stop the workers, but take in what they have finished."""
        at = dict(self.at)
        for slot, message in crew.stop():
            if message is None or slot not in at:
                continue
            if message["event"] == "value":
                self.search.report(at[slot], message["rung"], message["value"])
            elif message["event"] == "end":
                self._finish(at.pop(slot), message)
        if at:
            numbers = ", ".join(str(number) for number in sorted(at.values()))
            self.say(f"stopped at trial {numbers}: the same command goes on from there")

    def _clean(self) -> None:
        """Only the best trials, and those that go on, keep their checkpoints."""
        trials = self.search.trials()
        kept = {trial.number for trial in ranked(trials)[: self.keep]}
        kept |= {trial.number for trial in trials if trial.outcome == "running"}
        for trial in trials:
            checkpoints = trial_folder(self.folder, trial.number) / "checkpoints"
            if trial.number not in kept and checkpoints.is_dir():
                remove_directory(checkpoints)
        sweep_stale(self.folder / "trials")

    def _how_far(self) -> str:
        trials = self.search.trials()
        ended = sum(trial.outcome != "running" for trial in trials)
        words = [f"trial {ended:,} of {self.total:,} ended", f"{len(self.at)} running"]
        if best := ranked(trials)[:1]:
            words.append(f"best {best[0].value:.4f} (trial {best[0].number})")
        if self.ended_here:
            left = self.total - ended
            seconds = (time.monotonic() - self.began) / self.ended_here * left
            words.append(f"about {seconds / 60:,.0f} min left")
        return " · ".join(words)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The complete trials, best first."""
    complete = [trial for trial in trials if trial.value is not None]
    return sorted(complete, key=lambda trial: (trial.value, trial.number))


def trial_line(trial: Trial, objective: str) -> str:
    """One line about a trial that has ended."""
    values = " ".join(f"{key}={value}" for key, value in trial.values.items())
    if trial.outcome == "complete":
        result = f"{trial.value:.4f} {objective_words(objective)}"
    elif trial.outcome == "pruned":
        rung, value = list(trial.curve.items())[-1]
        result = f"ended early at evaluation {rung} with {value:.4f}"
    else:
        result = f"{trial.outcome}: {trial.facts.get('reason', '')}"
    return f"trial {trial.number}: {result}  [{values}]"
