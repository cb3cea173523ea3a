"""The training loop: it runs phases to the end and knows no family.

Everything that changes a run is visible here in order: the step, then evaluate, sample and save.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias, final

import torch
from torch import Tensor, nn

from primetone.contracts import Batch, Phase
from primetone.errors import DivergedError, FormatError, OutOfMemoryError, is_out_of_memory
from primetone.nn import draws
from primetone.training.arithmetic import count_flops, peak_rate
from primetone.training.averaging import WeightAverage
from primetone.training.best import BestSoFar
from primetone.training.checkpoint import Checkpoint, CheckpointStore
from primetone.training.loader import Batches
from primetone.training.memory import memory_bytes, rows_that_fit
from primetone.training.metrics import MetricsLog
from primetone.training.optim import OptimizerConfig, PhaseOptimizer, clip_gradients
from primetone.training.ranks import GradientSums
from primetone.training.runtime import Runtime, number_of
from primetone.training.schedule import ScheduleConfig, first_beta, learning_rate_factor
from primetone.training.settings import TrainConfig
from primetone.training.stopping import StopRequest, raise_stop

EndedBy: TypeAlias = Literal["steps", "clock", "patience"]

Report: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Receives every line as it is logged; `event` says which kind."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """Where training ended."""

    step: int
    tokens: int
    elapsed_seconds: float
    ended_by: EndedBy


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
        self.train = _in_steps(train, loader)
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
        self._row_flops: dict[str, int] = {}
        self.average = WeightAverage(self.model, train.ema) if train.ema else None
        self.best = BestSoFar(train.patience)
        self.full_rate = optimizer.learning_rate
        self.step = 0
        """Steps done."""
        self.batches_drawn = 0
        self.tokens = 0
        self.elapsed_seconds = 0.0
        self._agreed_signal = 0
        self._is_stale = False
        self._pending: list[dict[str, Tensor]] = []
        self._factor = 1.0
        self._pending_tokens = 0
        self._pending_flops = 0
        self._pending_seconds = 0.0

    def fit(self, *, resume: bool = False) -> TrainResult:
        """Train to the end, from the latest checkpoint if `resume` and there is one.

        Called again after an error, it goes on from where the trainer stands. Ctrl-C or SIGTERM, on
        any rank: the step is finished and saved, then KeyboardInterrupt or SystemExit(143) follows.
        """
        if resume and (latest := self.checkpoints.latest()) is not None:
            self.load(self.checkpoints.load(latest))
        self.ranks.share_weights(list(self.model.state_dict().values()))
        self._count_arithmetic()
        self._tell({"event": "start", "step": self.step, "steps": self.train.steps})
        started = time.monotonic() - self.elapsed_seconds
        is_first, ended_by = True, self._ended_by()
        with StopRequest() as stop, self.runtime.multiplying():
            try:
                while ended_by is None:
                    before = time.monotonic()
                    self._take_step_that_fits()
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
                    is_best = False
                    if not self._asked(stop) and (is_last or self._is_due(self.train.eval_every)):
                        is_best = self._evaluate()
                        ended_by = self._ended_by()
                        is_last = ended_by is not None
                    if not self._asked(stop) and (is_last or self._is_due(self.train.sample_every)):
                        self._sample()
                    is_due = is_last or self._is_due(self.train.save_every)
                    if self._asked(stop) or is_best or is_due:
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
            **self.best.state(),
        }
        with self._averaged():
            if self.average is not None:
                optimizer |= self.average.current()
            model = self.model.state_dict()
            kept = Checkpoint(step=self.step, model=model, optimizer=optimizer, state=state)
            path = self.checkpoints.save(kept, best_step=self.best.step)
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
        if self.average is not None:
            self.average.load(checkpoint.optimizer)
        for name, part in self.optimizers.items():
            start = f"{name}/"
            part.load(
                {k[len(start) :]: t for k, t in checkpoint.optimizer.items() if k.startswith(start)}
            )
        self.step = checkpoint.step
        self.batches_drawn = int(checkpoint.state["batches_drawn"])
        self.tokens = int(checkpoint.state["tokens"])
        self.elapsed_seconds = float(checkpoint.state["elapsed_seconds"])
        self.best.load(checkpoint.state)
        self._is_stale = self.best.is_over
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
        progress, share = self._progress(), 1 / self.train.steps
        factor = self._factor = learning_rate_factor(
            self.schedule, step=self.step, progress=progress, share=share
        )
        beta = first_beta(self.schedule, progress=progress, share=share)
        record: dict[str, Tensor] = {}
        self.model.train()
        for phase in self.phases:
            if not phase.begin <= progress < phase.end:
                continue
            self._learn_in(phase)
            for repeat in range(phase.repeats):
                record |= self._run_phase(phase, repeat, factor, beta)
        if self.average is not None:
            self.average.update(self.step)
        self.step += 1
        self._pending.append(record)

    def _learn_in(self, phase: Phase) -> None:
        """Gradients for the weights of this phase alone."""
        if len(self.phases) > 1:
            for other in self.phases:
                other.module.requires_grad_(requires_grad=False)
            phase.module.requires_grad_(requires_grad=True)

    def _take_step_that_fits(self) -> None:
        """A step; where memory runs out, which batch would have had enough is found by trying."""
        try:
            self._take_step()
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = " ".join(str(error).split())[:200]
        # here what the step held is free again
        for part in self.optimizers.values():
            part.zero_grad()
        train, drawn = self.train, self.batches_drawn
        rows = rows_that_fit(train.batch_size // self.ranks.world, lambda n: self._try(drawn, n))
        size = rows * self.ranks.world
        advice = (
            f"train.batch_size={size} fits; with "
            f"train.accumulate={train.accumulate * train.batch_size // max(size, 1)} its steps are "
            "the same: start again with both"
            if rows
            else "not even one window fits: make the model or its context smaller"
        )
        raise OutOfMemoryError(
            f"out of memory at train.batch_size={train.batch_size}: {advice} ({reason})"
        )

    def _try(self, number: int, rows: int) -> None:
        """Forward and backward of every phase on the first rows of a batch, to no effect."""
        for phase in self.phases:
            self._try_phase(phase, self.loader.batch(number), rows)

    def _try_phase(self, phase: Phase, batch: Batch, rows: int) -> None:
        self._learn_in(phase)
        fewer = replace(batch, inputs_BT=batch.inputs_BT[:rows], targets_BT=batch.targets_BT[:rows])
        with self._drawing((0,), 0, 0, rows), self.runtime.autocast():
            loss = phase.loss(phase.module, fewer)
        loss.total.backward()
        self.optimizers[phase.name].zero_grad()

    def _count_arithmetic(self) -> None:
        """What one row costs in each phase, uncompiled, where counting is possible."""
        batch = self.loader.batch(0)
        self.model.train()
        for phase in self.phases:
            work = partial(self._try_phase, phase, batch, 1)
            self._row_flops[phase.name] = count_flops(work)

    def _run_phase(
        self, phase: Phase, repeat: int, factor: float, beta: float | None
    ) -> dict[str, Tensor]:
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
        optimizer.step(factor, first_beta=beta)
        optimizer.zero_grad()
        self.tokens += weight
        self._pending_tokens += weight
        self._pending_flops += self._row_flops[phase.name] * sum(len(b.inputs_BT) for b in batches)
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

    def _ended_by(self) -> EndedBy | None:
        """What ends training at this step; None where it goes on."""
        if self.train.max_seconds and self.elapsed_seconds >= self.train.max_seconds:
            return "clock"
        if self.step >= self.train.steps:
            return "steps"
        return "patience" if self._is_stale else None

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
        seconds = max(self._pending_seconds, 1e-9)
        speed, flops = self._pending_tokens / seconds, self._pending_flops / seconds
        peak = peak_rate(self.runtime.device, self.runtime.precision)
        self._forget_pending()
        values = {
            "tokens": self.tokens,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            **{name: sum(column) / len(column) for name, column in columns.items()},
            "learning_rate": self.full_rate * self._factor,
            "tokens_per_second": round(speed, 1),
            "mfu": round(flops / peak, 4),
            "memory_bytes": memory_bytes(self.runtime.device),
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
        self._pending_tokens, self._pending_flops, self._pending_seconds = 0, 0, 0.0

    def _require_finite(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Weights that went wrong are never saved."""
        for step, value in zip(steps, values, strict=True):
            if not math.isfinite(value):
                raise DivergedError(
                    f"training diverged: expected a finite {name} at step {step}, found {value}. "
                    "Lower optimizer.learning_rate (or muon_learning_rate), raise "
                    "schedule.warmup_steps or lower train.clip_norm, then start again; the last "
                    "checkpoint is from before"
                )

    def _evaluate(self) -> bool:
        """Evaluate on the first rank; whether it was the best, which all ranks then know."""
        is_best = self.evaluate is not None and self.ranks.is_first and self._judge(self.evaluate)
        best, stale = self.ranks.largest([is_best, self.best.is_over])
        self._is_stale = bool(stale)
        return bool(best)

    def _judge(self, evaluate: Callable[[], Mapping[str, float]]) -> bool:
        self.model.eval()
        with self._averaged():
            figures = evaluate()
        for name, value in figures.items():
            # The last update shows here first: its step's loss was that of the weights before.
            self._require_finite(f"validation {name}", [self.step], [value])
        self._record("evaluate", figures)
        return self.best.take(self.step, figures)

    def _averaged(self) -> AbstractContextManager[None]:
        """Where the model has the weights that are to be used."""
        return nullcontext() if self.average is None else self.average.in_place()

    def _sample(self) -> None:
        if self.sample is None or not self.ranks.is_first:
            return
        self.model.eval()
        with self._averaged():
            text = self.sample(self.step)
        self._tell({"event": "sample", "step": self.step, "text": text})

    def _record(self, event: str, values: Mapping[str, Any]) -> None:
        if self.ranks.is_first:
            self._tell(self.metrics.write(event, self.step, values))

    def _tell(self, line: Mapping[str, Any]) -> None:
        if self.report is not None and self.ranks.is_first:
            self.report(line)


def _in_steps(train: TrainConfig, loader: Batches) -> TrainConfig:
    """The same with as many steps as its epochs take, the last begun one finished."""

    def steps_of(epochs: float) -> int:
        return max(1, math.ceil(epochs * loader.batches_per_epoch / train.accumulate))

    if train.epochs is not None:
        train = replace(train, steps=steps_of(train.epochs))
    if train.eval_epochs is not None:
        train = replace(train, eval_every=steps_of(train.eval_epochs))
    return train


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name] + value if name in sums else value
