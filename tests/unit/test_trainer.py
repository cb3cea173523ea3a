"""The training loop: exact resume after kill -9, accumulation, stopping, errors, cadence."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from primetone.contracts import Batch, Loss, Phase, Window
from primetone.errors import Error, FileError, FormatError
from primetone.families import family
from primetone.families.decoder import DecoderConfig
from primetone.training.checkpoint import CheckpointStore
from primetone.training.loader import Loader
from primetone.training.metrics import MetricsLog, read_metrics
from primetone.training.optim import OptimizerConfig
from primetone.training.runtime import start_runtime
from primetone.training.schedule import ScheduleConfig, learning_rate_factor
from primetone.training.settings import TrainConfig
from primetone.training.stopping import SIGNALS, StopRequest
from primetone.training.trainer import Trainer

VOCAB_SIZE = 17
SHAPE = DecoderConfig(layers=2, heads=2, width=16, context=8, dropout=0.2)


@dataclasses.dataclass
class Stream:
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def make_trainer(
    folder: Path,
    *,
    model: nn.Module | None = None,
    phases: tuple[Phase, ...] | None = None,
    shape: DecoderConfig = SHAPE,
    optimizer: str = "muon",
    hooks: dict[str, Any] | None = None,
    **settings: Any,
) -> Trainer:
    train = TrainConfig(**{"batch_size": 4, "steps": 10, "save_every": 0, "seed": 3, **settings})
    runtime = start_runtime(device="cpu", precision="float32")
    runtime.seed(train.seed, "weights")
    decoder = family("decoder")
    model = model or decoder.build(shape, vocab_size=VOCAB_SIZE)
    ids = np.random.default_rng(0).integers(VOCAB_SIZE, size=500).astype(np.uint16)
    folder.mkdir(exist_ok=True)
    return Trainer(
        model=model,
        phases=phases or decoder.phases(model, shape),
        loader=Loader(
            Stream(ids),
            window=Window(length=shape.context),
            batch_size=train.batch_size,
            seed=train.seed,
            place=runtime.place,
        ),
        runtime=runtime,
        train=train,
        optimizer=OptimizerConfig(name=optimizer),
        schedule=ScheduleConfig(warmup_steps=2),
        metrics=MetricsLog(folder / "metrics.jsonl"),
        checkpoints=CheckpointStore(folder / "checkpoints"),
        **(hooks or {}),
    )


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), f"{name} differs"


TIMES = ("elapsed_seconds", "tokens_per_second", "mfu", "memory_bytes")


def without_times(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_metrics(path)]


KILLED_RUN = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_trainer import make_trainer

def report(line):
    # Step 7 is done and logged, two steps after the last checkpoint.
    if line["event"] == "train" and line["step"] == 7:
        os.kill(os.getpid(), signal.SIGKILL)

make_trainer(
    Path(sys.argv[2]), optimizer=sys.argv[3], save_every=5, log_every=1, accumulate=2,
    hooks={"report": report},
).fit()
"""


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_ten_steps_equal_five_a_kill_and_five_more(
    tmp_path: Path, child_python: Callable[..., Any], optimizer: str
) -> None:
    settings = {"optimizer": optimizer, "save_every": 5, "log_every": 1, "accumulate": 2}
    straight = make_trainer(tmp_path / "straight", **settings)
    straight.fit()
    here = str(Path(__file__).parent)
    child = child_python(KILLED_RUN, here, str(tmp_path / "killed"), optimizer)
    assert child.wait(timeout=100) == -signal.SIGKILL, child.stderr.read()
    steps = [line["step"] for line in read_metrics(tmp_path / "killed" / "metrics.jsonl")]
    assert steps == [1, 2, 3, 4, 5, 6, 7]
    resumed = make_trainer(tmp_path / "killed", **settings)
    torch.manual_seed(99)
    result = resumed.fit(resume=True)
    assert (result.step, result.tokens) == (10, 10 * 2 * 4 * 8)
    assert_same_bits(weights(straight), weights(resumed))
    assert without_times(straight.metrics.path) == without_times(resumed.metrics.path)


def test_dropout_follows_the_seed_and_is_on(tmp_path: Path) -> None:
    runs = []
    for name, settings in (
        ("one", {}),
        ("same", {}),
        ("other", {"shape": dataclasses.replace(SHAPE, dropout=0.0)}),
    ):
        trainer = make_trainer(tmp_path / name, **settings)
        trainer.fit()
        runs.append(weights(trainer)["tokens.weight"])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_micro_batches_add_up_to_the_whole_in_float64(tmp_path: Path) -> None:
    finals = []
    for name, batch_size, accumulate in (("whole", 8, 1), ("parts", 2, 4)):
        shape = dataclasses.replace(SHAPE, dropout=0.0)
        torch.manual_seed(0)
        model = family("decoder").build(shape, vocab_size=VOCAB_SIZE).double()
        trainer = make_trainer(
            tmp_path / name,
            model=model,
            shape=shape,
            optimizer="adamw",
            batch_size=batch_size,
            accumulate=accumulate,
        )
        trainer.fit()
        finals.append(weights(trainer))
    for key, tensor in finals[0].items():
        torch.testing.assert_close(tensor, finals[1][key], rtol=1e-9, atol=1e-11)


def test_unequal_micro_batches_weigh_what_they_hold(tmp_path: Path) -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    sizes = iter([1, 3])

    def loss(module: nn.Module, batch: Batch) -> Loss:
        # One prediction pulls with gradient 1, three with 5 each: the mean is (1 + 15) / 4.
        pull = {1: 1.0, 3: 15.0}.get(batch.weight, 0.0)
        return Loss(total=module.weight.sum() * pull, weight=batch.weight)

    phase = Phase(name="only", module=model, loss=loss, roles={"weight": "matrix"})
    trainer = make_trainer(
        tmp_path / "run", model=model, phases=(phase,), optimizer="adamw", steps=1, accumulate=2
    )
    trainer._draw = lambda count: [  # type: ignore[method-assign]
        Batch(
            inputs_BT=torch.zeros(1), targets_BT=torch.zeros(1), weight=next(sizes), row_weight=1.0
        )
        for _ in range(count)
    ]
    trainer.fit()
    line = next(read_metrics(trainer.metrics.path))
    assert line["gradient_norm"] == pytest.approx(4.0)


def test_two_phases_repeat_and_leave_each_other_alone(tmp_path: Path) -> None:
    parts = nn.ModuleDict({"critic": nn.Linear(1, 1), "generator": nn.Linear(1, 1)})
    calls: list[str] = []

    def loss_of(name: str) -> Callable[[nn.Module, Batch], Loss]:
        def loss(module: nn.Module, batch: Batch) -> Loss:
            calls.append(name)
            frozen = [key for key, part in parts.items() if not part.weight.requires_grad]
            assert frozen == [key for key in parts if key != name]
            both = parts["critic"](parts["generator"](torch.ones(batch.weight, 1)))
            return Loss(total=both.sum(), weight=batch.weight, metrics={"gap": both.sum() * 2})

        return loss

    roles = {"weight": "matrix", "bias": "vector"}
    phases = tuple(
        Phase(name=name, module=part, loss=loss_of(name), roles=roles, repeats=repeats)
        for (name, part), repeats in zip(parts.items(), (3, 1), strict=True)
    )
    trainer = make_trainer(
        tmp_path / "run", model=parts, phases=phases, optimizer="adam", steps=2, log_every=1
    )
    trainer._count_arithmetic()
    calls.clear()
    trainer._count_arithmetic = lambda: None  # type: ignore[method-assign]
    trainer.fit()
    assert calls == ["critic"] * 3 + ["generator"] + ["critic"] * 3 + ["generator"]
    assert trainer.batches_drawn == 8
    line = next(read_metrics(trainer.metrics.path))
    assert line["critic_gap"] == pytest.approx(2 * line["critic_loss"])
    assert "generator_gradient_norm" in line


def test_evaluate_sample_and_save_come_when_due_and_at_the_end(tmp_path: Path) -> None:
    events: list[tuple[str, int]] = []
    trainer = make_trainer(
        tmp_path / "run",
        eval_every=4,
        sample_every=5,
        save_every=6,
        hooks={
            "evaluate": lambda: {"nats_per_token": 1.0},
            "sample": lambda step: f"text of step {step}",
            "report": lambda line: events.append((line["event"], line["step"])),
        },
    )
    result = trainer.fit()
    assert result.ended_by == "steps"
    by_kind = {kind: [s for k, s in events if k == kind] for kind, _ in events}
    assert by_kind == {
        "start": [0],
        "train": [6, 10],
        "evaluate": [4, 8, 10],
        "sample": [5, 10],
        "save": [6, 10],
    }
    assert trainer.model.training or trainer.step == 10


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_finishes_the_step_and_saves(
    tmp_path: Path, number: signal.Signals, expected: type[BaseException]
) -> None:
    trainer = make_trainer(tmp_path / "run", steps=1000, log_every=1)
    trainer.report = lambda line: (
        os.kill(os.getpid(), number) if (line["event"], line["step"]) == ("train", 3) else None
    )
    before = signal.getsignal(number)
    with pytest.raises(expected) as caught:
        trainer.fit()
    if expected is SystemExit:
        assert caught.value.code == 143
    assert signal.getsignal(number) is before
    saved = trainer.checkpoints.latest()
    assert saved in (3, 4)
    resumed = make_trainer(tmp_path / "run", steps=saved + 1)
    assert resumed.fit(resume=True).step == saved + 1


def test_the_second_signal_does_not_wait(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", steps=1000)

    def stuck(module: nn.Module, batch: Batch) -> Loss:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("the second Ctrl-C was ignored")

    trainer.phases = (dataclasses.replace(trainer.phases[0], loss=stuck),)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert trainer.checkpoints.latest() is None


def test_a_handler_that_python_does_not_know_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_handler = signal.signal
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        with monkeypatch.context() as patch:
            # What signal.signal returns for a handler that was set in C.
            patch.setattr(signal, "signal", lambda *words: set_handler(*words) and None)
            with StopRequest():
                pass
        assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL] * 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", steps=2)
    thread = threading.Thread(target=trainer.fit)
    thread.start()
    thread.join()
    assert trainer.step == 2


def test_a_loss_that_is_not_finite_names_its_step(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", log_every=5, save_every=1000)
    healthy = trainer.phases[0].loss

    def sick(module: nn.Module, batch: Batch) -> Loss:
        loss = healthy(module, batch)
        return dataclasses.replace(loss, total=loss.total * (math.nan if trainer.step == 2 else 1))

    trainer.phases = (dataclasses.replace(trainer.phases[0], loss=sick),)
    with pytest.raises(Error, match=r"finite loss at step 3, found nan.*learning_rate"):
        trainer.fit()
    assert trainer.checkpoints.latest() is None, "weights that went wrong are not saved"


def test_an_update_that_breaks_the_weights_is_seen_and_not_saved(tmp_path: Path) -> None:
    hooks = {"evaluate": lambda: {"nats_per_token": math.inf, "num_tokens": 8}}
    trainer = make_trainer(tmp_path / "run", steps=2, hooks=hooks)
    with pytest.raises(Error, match="finite validation nats_per_token at step 2, found inf"):
        trainer.fit()
    assert trainer.checkpoints.latest() is None
    assert [line["event"] for line in read_metrics(trainer.metrics.path)] == ["train"]


def test_a_failed_save_loses_nothing(tmp_path: Path) -> None:
    straight = make_trainer(tmp_path / "straight")
    straight.fit()
    trainer = make_trainer(tmp_path / "run", save_every=4)
    save, failures = trainer.checkpoints.save, iter([FileError("the disk is full")])

    def sometimes(checkpoint: Any, **words: Any) -> Path:
        if checkpoint.step == 8 and (failure := next(failures, None)):
            raise failure
        return save(checkpoint, **words)

    trainer.checkpoints = type("Disk", (), {"save": staticmethod(sometimes)})()  # type: ignore[assignment]
    with pytest.raises(FileError, match="full"):
        trainer.fit()
    assert CheckpointStore(tmp_path / "run" / "checkpoints").latest() == 4
    trainer.save()
    trainer.fit()
    assert_same_bits(weights(straight), weights(trainer))


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    make_trainer(tmp_path / "run", steps=1).fit()
    other = make_trainer(tmp_path / "run", shape=dataclasses.replace(SHAPE, width=32))
    with pytest.raises(FormatError, match="does not fit this model"):
        other.fit(resume=True)


def test_the_clock_ends_a_run_and_drives_its_schedule(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", steps=10**9, max_seconds=0.5, log_every=1)
    result = trainer.fit()
    assert result.ended_by == "clock"
    assert 0.5 <= result.elapsed_seconds < 5.0
    *_, before, last = read_metrics(trainer.metrics.path)
    progress = before["elapsed_seconds"] / 0.5
    factor = learning_rate_factor(trainer.schedule, step=last["step"] - 1, progress=progress)
    expected = trainer.full_rate * factor
    assert last["learning_rate"] == pytest.approx(expected, rel=0.05), "the rate is the step's own"
    assert last["learning_rate"] < before["learning_rate"] < trainer.full_rate


def test_a_finished_run_resumed_does_nothing(tmp_path: Path) -> None:
    make_trainer(tmp_path / "run", steps=3).fit()
    again = make_trainer(tmp_path / "run", steps=3)
    assert again.fit(resume=True).step == 3
    by_clock = {"steps": 10**9, "max_seconds": 0.05}
    first = make_trainer(tmp_path / "timed", **by_clock).fit()
    timed = make_trainer(tmp_path / "timed", **by_clock).fit(resume=True)
    assert timed == first
    assert timed.ended_by == "clock"


def test_a_model_learns_to_repeat_one_batch(tmp_path: Path) -> None:
    shape = dataclasses.replace(SHAPE, dropout=0.0, width=32)
    trainer = make_trainer(tmp_path / "run", shape=shape, steps=400, log_every=400)
    batch = trainer.loader.batch(0)
    trainer.loader = type("One", (), {"batch": staticmethod(lambda number: batch)})()  # type: ignore[assignment]
    trainer.fit()
    with torch.no_grad():
        loss = trainer.phases[0].loss(trainer.model.eval(), batch)
    assert loss.total.item() / loss.weight < 0.5, "four windows of 8 ids can be learnt by heart"


def test_a_damaged_checkpoint_names_the_others(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", steps=4, save_every=2)
    trainer.fit()
    store = CheckpointStore(tmp_path / "run" / "checkpoints")
    path = store.path(4) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        FormatError, match=r"damaged.*write step_2 into .*latest \(steps there: 2\)"
    ):
        make_trainer(tmp_path / "run", steps=6).fit(resume=True)
    (tmp_path / "run" / "checkpoints" / "latest").write_text("step_2\n")
    assert make_trainer(tmp_path / "run", steps=4).fit(resume=True).ended_by == "steps"


def test_averaged_weights_are_judged_and_kept_and_training_goes_on_from_the_others(
    tmp_path: Path,
) -> None:
    plain = make_trainer(tmp_path / "plain", optimizer="adamw", steps=8)
    plain.fit()
    seen: list[dict[str, torch.Tensor]] = []
    settings = {"optimizer": "adamw", "ema": 0.5, "save_every": 4, "eval_every": 1}
    straight = make_trainer(tmp_path / "straight", steps=8, **settings)
    straight.evaluate = lambda: seen.append(weights(straight)) or {}
    start = weights(straight)
    straight.fit()
    assert_same_bits(weights(plain), weights(straight))
    loaded = CheckpointStore(tmp_path / "straight" / "checkpoints").load_model(8)
    assert_same_bits(seen[-1], loaded)
    follower = make_trainer(tmp_path / "follower", optimizer="adamw", steps=8, eval_every=1)
    passed: list[dict[str, torch.Tensor]] = []
    follower.evaluate = lambda: passed.append(weights(follower)) or {}
    follower.fit()
    mean = start
    for step, (now, its) in enumerate(zip(passed, seen, strict=True)):
        kept = min(0.5, (1 + step) / (10 + step))
        mean = {name: kept * mean[name] + (1 - kept) * now[name] for name in mean}
        for name, tensor in mean.items():
            torch.testing.assert_close(tensor, its[name], msg=name)
    resumed = make_trainer(tmp_path / "resumed", steps=8, **settings)
    resumed.load(straight.checkpoints.load(4))
    resumed.fit()
    assert_same_bits(weights(straight), weights(resumed))
    assert_same_bits(loaded, resumed.checkpoints.load_model(8))


def test_patience_ends_training_and_the_best_checkpoint_stays(tmp_path: Path) -> None:
    figures = iter([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    hooks = {"evaluate": lambda: {"nats_per_token": next(figures)}}
    settings = {"steps": 100, "eval_every": 2, "patience": 3, "keep_checkpoints": 1}
    trainer = make_trainer(tmp_path / "run", hooks=hooks, **settings)
    result = trainer.fit()
    assert (result.step, result.ended_by) == (10, "patience")
    assert (trainer.checkpoints.best(), trainer.checkpoints.latest()) == (4, 10)
    assert trainer.checkpoints.steps() == [4, 10]
    again = make_trainer(tmp_path / "run", hooks=hooks, **settings)
    assert again.fit(resume=True).ended_by == "patience", "it is over, and stays so"


def test_running_out_of_memory_says_which_batch_fits(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path / "run", batch_size=12, accumulate=2)
    healthy = trainer.phases[0].loss

    def greedy(module: nn.Module, batch: Batch) -> Loss:
        if len(batch.inputs_BT) > 5:
            torch.empty(1 << 46)  # what torch itself raises
        return healthy(module, batch)

    trainer.phases = (dataclasses.replace(trainer.phases[0], loss=greedy),)
    with pytest.raises(
        Error, match=r"out of memory at train.batch_size=12: train.batch_size=4 fits.*accumulate=6"
    ):
        trainer.fit()
    assert trainer.checkpoints.latest() is None
