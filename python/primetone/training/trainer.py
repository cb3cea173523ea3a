"""The training loop: it runs phases to the end and knows no family.

Everything that changes a run is visible here in order: the step, then evaluate, sample and save.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, final

import torch
from torch import Tensor, nn

from primetone.config import option
from primetone.contracts import Batch, Phase
from primetone.errors import Error, FormatError
from primetone.nn import draws
from primetone.training.checkpoint import Checkpoint, CheckpointStore
from primetone.training.loader import Batches
from primetone.training.metrics import MetricsLog
from primetone.training.optim import OptimizerConfig, PhaseOptimizer, clip_gradients
from primetone.training.ranks import GradientSums
from primetone.training.runtime import Compile, Device, Precision, Runtime, number_of
from primetone.training.schedule import ScheduleConfig, learning_rate_factor
from primetone.training.stopping import StopRequest, raise_stop

Report: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Receives every line as it is logged; `event` says which kind."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, on how much at once, and what happens how often (0: only at the end)."""

    steps: int = option(1000, "optimiser steps at most", minimum=1)
    epochs: float | None = option(
        None, "passes over the training windows, which then decide the steps", above=0.0
    )
    max_seconds: float | None = option(
        None, "stop after this much time; the schedule then follows the clock too", above=0.0
    )
    batch_size: int = option(16, "windows in a micro-batch", minimum=1)
    accumulate: int = option(1, "micro-batches in a step", minimum=1)
    seed: int = option(0, "seed of weights, order of windows and dropout", minimum=0)
    clip_norm: float = option(1.0, "limit of the joint gradient norm; 0 is none", minimum=0.0)
    log_every: int = option(10, "steps between lines of metrics.jsonl", minimum=1)
    eval_every: int = option(250, "steps between evaluations; 0 only at the end", minimum=0)
    sample_every: int = option(0, "steps between samples; 0 only at the end", minimum=0)
    save_every: int = option(250, "steps between checkpoints; 0 only at the end", minimum=0)
    keep_checkpoints: int = option(2, "newest checkpoints that stay", minimum=1)
    eval_tokens: int = option(
        65_536, "validation tokens scored by an evaluation while training; 0 scores all", minimum=0
    )
    device: Device = option("auto", "where to compute")
    precision: Precision = option(
        "auto", "of the forward pass; auto is bfloat16 where the device is fast at it"
    )
    compile: Compile = option("auto", "compile the model; auto does on CUDA")
    threads: int | None = option(None, "CPU threads of torch; all cores when not set", minimum=1)


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """Where training ended."""

    step: int
    tokens: int
    elapsed_seconds: float
    ended_by: Literal["steps", "clock"]


@final
class Trainer:
    """Trains `model` by its phases; `evaluate` gives numbers for the log, `sample` a text.

    Exact: a run that was killed and resumed has the weights, bit for bit, of one that was not, as
    long as steps end it and not the clock. What is random needs no stored state: it follows from
    (seed, step, phase, sample). Several ranks share the rows of every micro-batch, so that a run
    goes on with the same samples and the same noise on another number of them.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        phases: Sequence[Phase],
        loader: Batches,
        runtime: Runtime,
        train: TrainConfig,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        metrics: MetricsLog,
        checkpoints: CheckpointStore,
        evaluate: Callable[[], Mapping[str, float]] | None = None,
        sample: Callable[[int], str] | None = None,
        report: Report | None = None,
    ) -> None:
        self.model = model.to(runtime.device)
        self.phases = tuple(phases)
        self.loader = loader
        self.runtime = runtime
        self.train = train if train.epochs is None else _in_steps(train, loader)
        self.schedule = schedule
        self.metrics = metrics
        self.checkpoints = checkpoints
        self.evaluate = evaluate
        self.sample = sample
        self.report = report
        self.optimizers = {phase.name: PhaseOptimizer(phase, optimizer) for phase in self.phases}
        self.callables = {phase.name: runtime.wrap(phase.module) for phase in self.phases}
        self.ranks = runtime.ranks
        self.sums = {
            name: GradientSums(part.parameters, self.ranks, overlap=runtime.device.type == "cuda")
            for name, part in self.optimizers.items()
        }
        self.full_rate = optimizer.learning_rate
        self.step = 0
        """Steps done."""
        self.batches_drawn = 0
        self.tokens = 0
        self.elapsed_seconds = 0.0
        self._agreed_signal = 0
        self._pending: list[dict[str, Tensor]] = []
        self._factor = 1.0
        self._pending_tokens = 0
        self._pending_seconds = 0.0

    def fit(self, *, resume: bool = False) -> TrainResult:
        """Train to the end, from the latest checkpoint if `resume` and there is one.

        Called again after an error, it goes on from where the trainer stands. Ctrl-C or SIGTERM, on
        any rank: the step is finished and saved, then KeyboardInterrupt or SystemExit(143) follows.
        """
        if resume and (latest := self.checkpoints.latest()) is not None:
            self.load(self.checkpoints.load(latest))
        self.ranks.share_weights(list(self.model.state_dict().values()))
        self._tell({"event": "start", "step": self.step, "steps": self.train.steps})
        started = time.monotonic() - self.elapsed_seconds
        is_first, ended_by = True, self._ended_by()
        with StopRequest() as stop, self.runtime.multiplying():
            try:
                while ended_by is None:
                    before = time.monotonic()
                    self._take_step()
                    now = time.monotonic()
                    self._agree(stop, now - started)
                    self._pending_seconds += now - before
                    if is_first:
                        # What is alive now stays alive: collections need not look at it again.
                        gc.freeze()
                        is_first = False
                    ended_by = self._ended_by()
                    is_last = ended_by is not None
                    if is_last or self._is_due(self.train.log_every):
                        self._log()
                    # A stop that was asked for in the meantime skips all but saving.
                    if not self._asked(stop) and (is_last or self._is_due(self.train.eval_every)):
                        self._evaluate()
                    if not self._asked(stop) and (is_last or self._is_due(self.train.sample_every)):
                        self._sample()
                    if self._asked(stop) or is_last or self._is_due(self.train.save_every):
                        self.save()
                    if number := self._asked(stop):
                        raise_stop(number)
            finally:
                gc.unfreeze()
        return TrainResult(
            step=self.step,
            tokens=self.tokens,
            elapsed_seconds=self.elapsed_seconds,
            ended_by=ended_by,
        )

    def save(self) -> None:
        """Write a checkpoint of this moment. Errors: FileError; older checkpoints stay."""
        if self._pending:
            self._log()
        if not self.ranks.is_first:
            return
        optimizer = {
            f"{name}/{key}": tensor
            for name, part in self.optimizers.items()
            for key, tensor in part.tensors().items()
        }
        state = {
            "batches_drawn": self.batches_drawn,
            "tokens": self.tokens,
            "elapsed_seconds": self.elapsed_seconds,
        }
        path = self.checkpoints.save(
            Checkpoint(
                step=self.step, model=self.model.state_dict(), optimizer=optimizer, state=state
            )
        )
        self._tell({"event": "save", "step": self.step, "path": str(path)})

    def load(self, checkpoint: Checkpoint) -> None:
        """Become what the checkpoint was; metrics after its step are dropped.

        Errors: FormatError if it is of another model.
        """
        try:
            self.model.load_state_dict(checkpoint.model)
        except RuntimeError as error:
            raise FormatError(
                f"the checkpoint of step {checkpoint.step} does not fit this model: {error}. "
                "Resume with the recipe it was trained with"
            ) from error
        for name, part in self.optimizers.items():
            start = f"{name}/"
            part.load(
                {k[len(start) :]: t for k, t in checkpoint.optimizer.items() if k.startswith(start)}
            )
        self.step = checkpoint.step
        self.batches_drawn = int(checkpoint.state["batches_drawn"])
        self.tokens = int(checkpoint.state["tokens"])
        self.elapsed_seconds = float(checkpoint.state["elapsed_seconds"])
        self._forget_pending()
        if self.ranks.is_first:
            self.metrics.keep_until(self.step)

    def _agree(self, stop: StopRequest, elapsed_seconds: float) -> None:
        """Ranks stop at the same step, and a schedule by the clock is the same on all."""
        number, self.elapsed_seconds = self.ranks.largest([stop.signal or 0, elapsed_seconds])
        self._agreed_signal = int(number)

    def _asked(self, stop: StopRequest) -> int:
        """The signal that asks for an end, or 0; among ranks one that all of them know of."""
        return self._agreed_signal if self.ranks.world > 1 else stop.signal or 0

    def _take_step(self) -> None:
        progress = self._progress()
        factor = self._factor = learning_rate_factor(
            self.schedule, step=self.step, progress=progress
        )
        record: dict[str, Tensor] = {}
        self.model.train()
        for phase in self.phases:
            if not phase.begin <= progress < phase.end:
                continue
            if len(self.phases) > 1:
                for other in self.phases:
                    other.module.requires_grad_(requires_grad=False)
                phase.module.requires_grad_(requires_grad=True)
            for repeat in range(phase.repeats):
                record |= self._run_phase(phase, repeat, factor)
        self.step += 1
        self._pending.append(record)

    def _run_phase(self, phase: Phase, repeat: int, factor: float) -> dict[str, Tensor]:
        """Forward and backward over the micro-batches of a step, clip, update.

        Every sum is divided by the number of predictions in the whole step, on all ranks: unequal
        micro-batches then weigh what they hold.
        """
        batches = self._draw(self.train.accumulate)
        weight = sum(batch.weight for batch in batches)
        row_weight = sum(batch.row_weight for batch in batches) / len(batches)
        optimizer, module = self.optimizers[phase.name], self.callables[phase.name]
        parts = (self.train.seed, self.step, phase.name, repeat)
        sums: dict[str, Tensor] = {}
        for number, batch in enumerate(batches):
            first = (number * self.ranks.world + self.ranks.rank) * len(batch.inputs_BT)
            # for what is not drawn by sample: attention that drops in a fused kernel
            self.runtime.seed(*parts, first)
            with self._drawing(parts, number, first, len(batch.inputs_BT)), self.runtime.autocast():
                loss = phase.loss(module, replace(batch, row_weight=row_weight))
            mean = loss.total / weight
            if batch is batches[-1]:
                self.sums[phase.name].begin_last_pass()
            mean.backward()
            _add(sums, "loss", mean.detach())
            for name, total in loss.metrics.items():
                _add(sums, name, total.detach() / weight)
        self.sums[phase.name].finish()
        norm = clip_gradients(optimizer.parameters, self.train.clip_norm)
        # what is logged is added up over the ranks, and the norm is the same on all
        sums["gradient_norm"] = norm / self.ranks.world
        optimizer.step(factor)
        optimizer.zero_grad()
        self.tokens += weight
        self._pending_tokens += weight
        if len(self.phases) == 1:
            return sums
        return {f"{phase.name}_{name}": value for name, value in sums.items()}

    def _drawing(
        self, parts: tuple[int | str, ...], number: int, first: int, count: int
    ) -> AbstractContextManager[None]:
        """Where the samples `first ..` of a step draw by keys of their own."""
        key, device = number_of(*parts), self.runtime.device
        keys_B = draws.sample_keys(key, first=first, count=count, device=device)
        return draws.streams(keys_B, batch_key=key + number)

    def _draw(self, count: int) -> list[Batch]:
        batches = [self.loader.batch(self.batches_drawn + number) for number in range(count)]
        self.batches_drawn += count
        return batches

    def _progress(self) -> float:
        """The share of training that is done."""
        progress = self.step / self.train.steps
        if self.train.max_seconds:
            progress = max(progress, self.elapsed_seconds / self.train.max_seconds)
        return progress

    def _ended_by(self) -> Literal["steps", "clock"] | None:
        """What ends training at this step; None where it goes on."""
        if self.train.max_seconds and self.elapsed_seconds >= self.train.max_seconds:
            return "clock"
        return "steps" if self.step >= self.train.steps else None

    def _is_due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _log(self) -> None:
        """One line for the steps since the last; the only place that waits for the device."""
        before = time.monotonic()
        # phases begin and end: not every step has every figure
        first = self.step - len(self._pending) + 1
        steps: dict[str, list[int]] = {}
        for step, record in enumerate(self._pending, start=first):
            for name in record:
                steps.setdefault(name, []).append(step)
        columns = self._summed(first, steps)
        self._pending_seconds += time.monotonic() - before
        for name, column in columns.items():
            self._require_finite(name, steps[name], column)
        speed = self._pending_tokens / max(self._pending_seconds, 1e-9)
        self._forget_pending()
        values = {
            "tokens": self.tokens,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            **{name: sum(column) / len(column) for name, column in columns.items()},
            "learning_rate": self.full_rate * self._factor,
            "tokens_per_second": round(speed, 1),
        }
        self._record("train", values)

    def _summed(self, first: int, steps: Mapping[str, Sequence[int]]) -> dict[str, list[float]]:
        """The figures of those steps by name, each rank's added."""
        found = [self._pending[step - first][name] for name in steps for step in steps[name]]
        if not found:
            return {}
        values = iter(self.ranks.add(torch.stack(found)).tolist())
        return {name: [next(values) for _ in which] for name, which in steps.items()}

    def _forget_pending(self) -> None:
        self._pending.clear()
        self._pending_tokens, self._pending_seconds = 0, 0.0

    def _require_finite(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Weights that went wrong are never saved."""
        for step, value in zip(steps, values, strict=True):
            if not math.isfinite(value):
                raise Error(
                    f"training diverged: expected a finite {name} at step {step}, found {value}. "
                    "Lower optimizer.learning_rate (or muon_learning_rate), raise "
                    "schedule.warmup_steps or lower train.clip_norm, then start again; the last "
                    "checkpoint is from before"
                )

    def _evaluate(self) -> None:
        if self.evaluate is None or not self.ranks.is_first:
            return
        self.model.eval()
        figures = self.evaluate()
        for name, value in figures.items():
            # The last update shows here first: its step's loss was that of the weights before.
            self._require_finite(f"validation {name}", [self.step], [value])
        self._record("evaluate", figures)

    def _sample(self) -> None:
        if self.sample is None or not self.ranks.is_first:
            return
        self.model.eval()
        self._tell({"event": "sample", "step": self.step, "text": self.sample(self.step)})

    def _record(self, event: str, values: Mapping[str, Any]) -> None:
        if self.ranks.is_first:
            self._tell(self.metrics.write(event, self.step, values))

    def _tell(self, line: Mapping[str, Any]) -> None:
        if self.report is not None and self.ranks.is_first:
            self.report(line)


def _in_steps(train: TrainConfig, loader: Batches) -> TrainConfig:
    """The same with as many steps as its epochs take, the last begun one finished."""
    assert train.epochs is not None
    batches = train.epochs * loader.batches_per_epoch
    return replace(train, steps=max(1, math.ceil(batches / train.accumulate)))


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name] + value if name in sums else value
