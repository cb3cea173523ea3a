"""Trainings of seconds, one a family, that use whatever draws random numbers; alone or among ranks.

Run as a program it is one rank: torchrun's variables in the environment, a plan as JSON on stdin.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from primetone.config import decode
from primetone.contracts import Window
from primetone.families import family
from primetone.training.checkpoint import CheckpointStore
from primetone.training.documents import DocumentLoader
from primetone.training.loader import Batches, Loader
from primetone.training.metrics import MetricsLog, read_metrics
from primetone.training.optim import OptimizerConfig
from primetone.training.ranks import joined_ranks
from primetone.training.runtime import Runtime, start_runtime
from primetone.training.schedule import ScheduleConfig
from primetone.training.settings import TrainConfig
from primetone.training.trainer import Trainer

VOCAB_SIZE = 13
TRUNK = {"layers": 2, "heads": 2, "width": 16, "context": 8}
MODELS: dict[str, dict[str, Any]] = {
    "decoder": TRUNK,
    "signal": {
        "window": 4,
        "bank": {"samples": 128},
        "encoder": {
            "soft_tokens": 2,
            "codewords": 8,
            "token_width": 8,
            "heads": 2,
            "refinements": 1,
        },
        "trunk": {**TRUNK, "head": "untied"},
    },
    "gan": {
        "length": 7,
        "penalty": "gradient",
        "penalty_every": 2,
        "critic_repeats": 2,
        "likelihood_share": 0.2,
        "critic_share": 0.2,
        "gradient": "gumbel",
        "generator": {"width": 8, "heads": 2, "ff_width": 16, "mapping_layers": 1},
        "critic": {"width": 8, "heads": 2, "ff_width": 16, "blocks": 1},
    },
}


class Stream:
    def __init__(self, ids: np.ndarray) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)


def small_trainer(
    name: str,
    folder: Path,
    *,
    dropout: float = 0.0,
    precision: str = "float32",
    optimizer: str = "adam",
    schedule: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> Trainer:
    """A trainer of that family in `folder`; precision float64 is for comparing sums."""
    runtime = start_runtime(
        device="cpu", precision="bfloat16" if precision == "bfloat16" else "float32"
    )
    train = TrainConfig(
        **{"batch_size": 4, "steps": 6, "seed": 3, "log_every": 1, "save_every": 0, "clip_norm": 1}
        | (settings or {})
    )
    config = _config(name, dropout)
    runtime.seed(train.seed, "weights")
    model = family(name).build(config, vocab_size=VOCAB_SIZE)
    if precision == "float64":
        _make_double(model)
    folder.mkdir(exist_ok=True)
    return Trainer(
        model=model,
        phases=family(name).phases(model, config),
        loader=_loader(family(name).window(config), train, runtime),
        runtime=runtime,
        train=train,
        optimizer=OptimizerConfig(name=optimizer, learning_rate=3e-3, weight_decay=0.01),
        schedule=ScheduleConfig(**{"warmup_steps": 2, **(schedule or {})}),
        metrics=MetricsLog(folder / "metrics.jsonl"),
        checkpoints=CheckpointStore(folder / "checkpoints", keep=100),
    )


def _config(name: str, dropout: float) -> Any:
    tree = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in MODELS[name].items()
    }
    if name == "decoder":
        tree["dropout"] = dropout
    elif name == "signal":
        tree["trunk"]["dropout"] = dropout
        tree["encoder"]["refinement_dropout"] = [dropout]
    else:
        tree["critic"]["dropout"] = dropout
    return decode(family(name).config_type, tree)


def _make_double(model: nn.Module) -> None:
    model.double()
    for part_name, part in model.named_modules():
        if part_name.endswith("encoder.projection"):  # signals come in float32
            part.register_forward_pre_hook(lambda _, words: (words[0].double(),))


def _loader(window: Window, train: TrainConfig, runtime: Runtime) -> Batches:
    draw = np.random.default_rng(0)
    how: Any = {
        "window": window,
        "batch_size": train.batch_size,
        "seed": train.seed,
        "place": runtime.place,
        "rank": runtime.ranks.rank,
        "world": runtime.ranks.world,
    }
    if window.cut == "stream":
        ids = draw.integers(VOCAB_SIZE, size=400).astype(np.uint16)
        return Loader(Stream(ids), **how)
    documents = [
        np.append(draw.integers(1, VOCAB_SIZE, size=length), 0)
        for length in draw.integers(1, window.length, size=50)
    ]
    return DocumentLoader(Stream(np.concatenate(documents).astype(np.uint16)), end_id=0, **how)


def fingerprint(trainer: Trainer) -> str:
    """SHA-256 of all weights and the whole state of the optimisers."""
    digest = hashlib.sha256()
    tensors = dict(trainer.model.state_dict())
    for name, part in trainer.optimizers.items():
        tensors |= {f"{name}/{key}": tensor for key, tensor in part.tensors().items()}
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def losses(folder: Path) -> list[dict[str, Any]]:
    """What was logged of every step, without times."""
    times = ("elapsed_seconds", "tokens_per_second", "memory_bytes", "mfu")
    return [
        {key: value for key, value in line.items() if key not in times}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


def run_ranks(plans: list[dict[str, Any]], *, world: int) -> list[str]:
    """Do these trainings on so many processes, one after the other; the fingerprint of each."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    children = [
        subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **rank_variables(rank, world, port), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(world)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(json.dumps(plans))
        child.stdin.close()
        child.stdin = None
    try:
        outs = [child.communicate(timeout=600) for child in children]
    finally:
        for child in children:
            child.kill()
    for child, (_, complaints) in zip(children, outs, strict=True):
        assert child.returncode == 0, complaints[-3000:]
    found = [json.loads(out) for out, _ in outs]
    assert all(one == found[0] for one in found), "ranks ended with different weights"
    return found[0]


def rank_variables(rank: int, world: int, port: int) -> dict[str, str]:
    """What torchrun says to each process."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def run_plan(plan: dict[str, Any]) -> str:
    """One training: the words of `small_trainer`, `start` to begin from that step's checkpoint."""
    words = dict(plan)
    folder, start = Path(words.pop("folder")), words.pop("start", None)
    trainer = small_trainer(words.pop("name"), folder, **words)
    if start is not None:
        trainer.load(CheckpointStore(start[0]).load(start[1]))
    trainer.fit(resume=False)
    return fingerprint(trainer)


def main() -> None:
    torch.set_num_threads(1)
    plans = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr), joined_ranks():
        found = [run_plan(plan) for plan in plans]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
