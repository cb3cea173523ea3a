"""How a training goes: its length, its batches, and what happens how often."""

from __future__ import annotations

from dataclasses import dataclass

from primetone.config import option
from primetone.training.runtime import Compile, Device, Precision


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
    eval_epochs: float | None = option(
        None, "passes over the training windows between evaluations, not eval_every", above=0.0
    )
    patience: int = option(
        0,
        "evaluations without a better one after which training ends; the best checkpoint is then "
        "the one that is used; 0 never",
        minimum=0,
    )
    ema: float = option(
        0.0,
        "what an average of the weights keeps of itself a step; the average is then evaluated, "
        "sampled and used; 0 is none",
        minimum=0.0,
        below=1.0,
    )
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
