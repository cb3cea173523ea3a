"""Training throughput beside nanoGPT's, at its own CPU configuration, interleaved in one run.

    python benches/python/train_speed.py path/to/nanoGPT [--rounds 25] [--steps 30]

Both sides train 4 layers, 4 heads, width 128, context 64, batch 12 on the same ids. Ours is the
real trainer (loader, clipping, schedule, metrics on disk): as it comes, with bfloat16 products
where the CPU has units for them, and in strict float32, in which nanoGPT computes on a CPU.
Theirs is its own model and optimiser behind the few lines of its loop. Correctness first: with the
same weights both models must give the same loss, or nothing is timed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import io
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from primetone.contracts import Batch
from primetone.families import family
from primetone.families.decoder import Decoder, DecoderConfig
from primetone.training.checkpoint import CheckpointStore
from primetone.training.loader import Loader
from primetone.training.metrics import MetricsLog
from primetone.training.optim import OptimizerConfig
from primetone.training.runtime import Precision, start_runtime
from primetone.training.schedule import ScheduleConfig
from primetone.training.settings import TrainConfig
from primetone.training.trainer import Trainer

VOCAB_SIZE, LAYERS, HEADS, WIDTH, CONTEXT, BATCH_SIZE = 65, 4, 4, 128, 64, 12
LEARNING_RATE, BETAS, WEIGHT_DECAY, CLIP_NORM = 1e-3, (0.9, 0.99), 0.1, 1.0

SHAPE = DecoderConfig(
    layers=LAYERS,
    heads=HEADS,
    width=WIDTH,
    context=CONTEXT,
    positions="learned",
    norm="layer",
    activation="gelu",
    qk_norm="none",
    head="tied",
    output_init="scaled",
    bias=False,
)


@dataclasses.dataclass
class Stream:
    """Random ids: throughput does not depend on what they say."""

    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Ours:
    """The trainer, run a few steps at a time."""

    def __init__(self, ids: np.ndarray, folder: Path, precision: Precision) -> None:
        folder.mkdir()
        decoder = family("decoder")
        runtime = start_runtime(device="cpu", precision=precision)
        self.model = decoder.build(SHAPE, vocab_size=VOCAB_SIZE)
        self.trainer = Trainer(
            model=self.model,
            phases=decoder.phases(self.model, SHAPE),
            loader=Loader(
                Stream(ids),
                window=decoder.window(SHAPE),
                batch_size=BATCH_SIZE,
                seed=0,
                place=runtime.place,
            ),
            runtime=runtime,
            train=TrainConfig(
                steps=1, batch_size=BATCH_SIZE, save_every=0, eval_every=0, clip_norm=CLIP_NORM
            ),
            optimizer=OptimizerConfig(
                learning_rate=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY
            ),
            schedule=ScheduleConfig(),
            metrics=MetricsLog(folder / "metrics.jsonl"),
            checkpoints=CheckpointStore(folder / "checkpoints", keep=1),
        )

    def run(self, steps: int) -> float:
        """Seconds of the next steps; the checkpoint at their end is not counted."""
        before = self.trainer.elapsed_seconds
        total = self.trainer.step + steps
        self.trainer.train = dataclasses.replace(self.trainer.train, steps=total)
        return self.trainer.fit().elapsed_seconds - before


class Theirs:
    """nanoGPT's model and optimiser, with what its loop does in a step."""

    def __init__(self, ids: np.ndarray, nanogpt: ModuleType) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            shape = nanogpt.GPTConfig(
                block_size=CONTEXT,
                vocab_size=VOCAB_SIZE,
                n_layer=LAYERS,
                n_head=HEADS,
                n_embd=WIDTH,
                dropout=0.0,
                bias=False,
            )
            self.model = nanogpt.GPT(shape)
            self.optimizer = self.model.configure_optimizers(
                WEIGHT_DECAY, LEARNING_RATE, BETAS, "cpu"
            )
        self.ids = ids

    def run(self, steps: int) -> float:
        """Seconds of the next steps."""
        started = time.perf_counter()
        for step in range(steps):
            begins = torch.randint(len(self.ids) - CONTEXT, (BATCH_SIZE,)).tolist()
            windows = [self.ids[at : at + CONTEXT + 1].astype(np.int64) for at in begins]
            inputs = torch.stack([torch.from_numpy(window[:-1]) for window in windows])
            targets = torch.stack([torch.from_numpy(window[1:]) for window in windows])
            for group in self.optimizer.param_groups:
                group["lr"] = LEARNING_RATE
            _, loss = self.model(inputs, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if step % 10 == 0:
                loss.item()
        return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nanogpt", nargs="?", type=Path, help="folder of a nanoGPT checkout")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.nanogpt is None:
        print("skipped: name the folder of a nanoGPT checkout")
        return 0
    if not (options.nanogpt / "model.py").is_file():
        print(f"skipped: no nanoGPT checkout at {options.nanogpt} (expected model.py there)")
        return 0
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    ids = np.random.default_rng(0).integers(VOCAB_SIZE, size=1_000_000, dtype=np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "primetone, precision auto": Ours(ids, Path(folder) / "auto", "auto"),
            "primetone, strict float32": Ours(ids, Path(folder) / "float32", "float32"),
            "nanoGPT, as it comes": Theirs(ids, _import_model(options.nanogpt)),
        }
        _require_same_loss(sides["nanoGPT, as it comes"].model)
        for side in sides.values():
            side.run(20)
        rounds = [
            {name: side.run(options.steps) for name, side in sides.items()}
            for _ in range(options.rounds)
        ]
    tokens = options.steps * BATCH_SIZE * CONTEXT
    print(f"{'median of ' + str(options.rounds) + ' rounds':27} tokens/s   times nanoGPT's")
    for name in sides:
        speed = tokens / statistics.median(seconds[name] for seconds in rounds)
        ratio = statistics.median(
            seconds["nanoGPT, as it comes"] / seconds[name] for seconds in rounds
        )
        print(f"{name:27} {speed:8,.0f}   {ratio:.2f}")
    return 0


def _import_model(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@torch.no_grad()
def _require_same_loss(theirs: torch.nn.Module) -> None:
    """Copy their weights into a model of ours and compare the loss on one batch."""
    theirs_state = theirs.state_dict()
    twin = Decoder(SHAPE, vocab_size=VOCAB_SIZE)
    # Our tables are multiplied by sqrt(width) on the way in; the norms that follow undo a common
    # factor, so everything that writes to the stream carries it.
    scale = math.sqrt(WIDTH)
    twin.tokens.weight.copy_(theirs_state["transformer.wte.weight"])
    twin.positions.weight.copy_(theirs_state["transformer.wpe.weight"])
    for number, block in enumerate(twin.blocks):
        of = f"transformer.h.{number}"
        block.attention.inward.weight.copy_(
            theirs_state[f"{of}.attn.c_attn.weight"].view(3, WIDTH, WIDTH)
        )
        block.attention.outward.weight.copy_(theirs_state[f"{of}.attn.c_proj.weight"] * scale)
        block.feed_forward.inward.weight.copy_(theirs_state[f"{of}.mlp.c_fc.weight"][None])
        block.feed_forward.outward.weight.copy_(theirs_state[f"{of}.mlp.c_proj.weight"] * scale)
    ids = torch.randint(VOCAB_SIZE, (BATCH_SIZE, CONTEXT + 1))
    batch = Batch(
        inputs_BT=ids[:, :-1],
        targets_BT=ids[:, 1:],
        weight=BATCH_SIZE * CONTEXT,
        row_weight=CONTEXT,
    )
    phase = family("decoder").phases(twin, SHAPE)[0]
    mine = phase.loss(twin, batch).total.item() / batch.weight
    other = theirs(batch.inputs_BT, batch.targets_BT.contiguous())[1].item()
    assert abs(mine - other) < 0.01, f"the models differ: loss {mine:.4f} against {other:.4f}"
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in theirs.parameters())


if __name__ == "__main__":
    sys.exit(main())
