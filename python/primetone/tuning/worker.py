"""A worker: a process that trains one trial after the other, as the study's process says."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from primetone.errors import DivergedError, Error, is_out_of_memory
from primetone.files import held_alone
from primetone.recipe import Recipe
from primetone.run import Run, train
from primetone.run.directory import is_run
from primetone.run.sharing import PreparedData
from primetone.run.size import count_parameters
from primetone.tuning.messages import END_IT, Mailbox, send, take_stdout
from primetone.tuning.places import data_folder, trial_folder
from primetone.tuning.plan import Plan, read_plan
from primetone.tuning.prepare import create_data
from primetone.tuning.settings import searched, trial_recipe

Values = Mapping[str, Any]
LONGEST_REASON = 300


class _EndedEarly(Exception):
    """The pruner has seen enough of a trial."""


def main() -> None:
    """Work for the study whose folder and share of threads are this process's arguments."""
    # Ctrl-C is for the study's process; a stop comes as SIGTERM, by the mailbox.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    pipe, mailbox = take_stdout(), Mailbox()
    plan = read_plan(folder)
    send(pipe, {"event": "ready"})
    while (task := mailbox.next()) is not None:
        end, is_sound = _attempt(folder, plan, task, threads, pipe, mailbox)
        send(pipe, {"event": "end", "is_last": not is_sound, **end})
        if not is_sound:
            return  # a new process is started instead


def _attempt(
    folder: Path, plan: Plan, task: Values, threads: int, pipe: BinaryIO, mailbox: Mailbox
) -> tuple[dict[str, Any], bool]:
    """Train a trial; how it ended, whatever happened, and whether this process can go on.

    After a want of memory, or an error that nobody thought of, who knows what is left behind.
    """
    facts: dict[str, Any] = {}

    def judge(rung: int, value: float) -> None:
        send(pipe, {"event": "value", "rung": rung, "value": value})
        answer = mailbox.next()
        # None is the order to stop: the trainer has the signal, and saves before it ends.
        if answer is not None and answer["answer"] == END_IT:
            raise _EndedEarly

    try:
        value = _train(folder, plan, task["number"], task["values"], threads, facts, judge)
    except _EndedEarly:
        return {"outcome": "pruned", "value": None, "facts": facts}, True
    except Exception as error:  # noqa: BLE001  one trial's end is never the study's
        outcome, reason = _explain(error)
        end = {"outcome": outcome, "value": None, "facts": {**facts, "reason": reason}}
        return end, outcome != "out of memory" and isinstance(error, Error)
    return {"outcome": "complete", "value": value, "facts": facts}, True


def _train(
    folder: Path,
    plan: Plan,
    number: int,
    values: Values,
    threads: int,
    facts: dict[str, Any],
    judge: Callable[[int, float], None],
) -> float:
    place = trial_folder(folder, number)
    if not is_run(place):
        recipe = _create(folder, place, plan, number, values, threads)
    else:
        recipe = Run.open(place).recipe  # begun before the study was stopped

    def listen(line: Mapping[str, Any]) -> None:
        if line["event"] == "train":
            facts["seconds"] = line["elapsed_seconds"]
        elif line["event"] == "evaluate":
            judge(line["step"] // recipe.train.eval_every, line[plan.objective])

    run = Run.open(place)
    facts["num_parameters"] = count_parameters(recipe, run.tokenizer.vocab_size)
    facts["steps"] = recipe.train.steps
    run = train(recipe, None, place, resume="auto", report=listen)
    if plan.objective != "bits_per_byte":
        return float(run.last_figures()[f"validation_{plan.objective}"])
    ids = np.asarray(run.data().validation.ids)
    return float(run.judge.quick(run.model(), ids)[plan.objective])


def _create(
    folder: Path, place: Path, plan: Plan, number: int, values: Values, threads: int
) -> Recipe:
    """Make the trial's run on data that all trials of these tokenizer settings share."""
    wanted = searched(plan, values)
    prepared = PreparedData(path=data_folder(folder, wanted))
    if not prepared.is_there():
        # one worker prepares, the others wait for it
        with held_alone(prepared.path.parent, "is being written", waits=True):
            if not prepared.is_there():
                create_data(prepared.path, wanted, plan.sources, plan.validation_sources)
    data, tokenizer = prepared.open(), prepared.tokenizer()
    recipe = trial_recipe(plan, number, values, data=data, tokenizer=tokenizer, threads=threads)
    Run.create(place, recipe, prepared)
    return recipe


def _explain(error: Exception) -> tuple[str, str]:
    """The outcome of a trial that ended by an error, and its reason in one line."""
    words = " ".join(str(error).split())[:LONGEST_REASON]
    if isinstance(error, DivergedError):
        return "diverged", words
    if is_out_of_memory(error):
        return "out of memory", words or type(error).__name__
    return "failed", words if isinstance(error, Error) else f"{type(error).__name__}: {words}"


if __name__ == "__main__":
    main()
