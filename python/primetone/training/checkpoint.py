"""Checkpoints: folders of safetensors and JSON that are complete or absent, never half.

`step_N/` holds `model.safetensors` (the averaged weights, where they are averaged),
`optimizer.safetensors` (absent where there is no state), `state.json` and `manifest.json`. The file
`latest` names the newest one and moves only after that folder is durable, and so does `best`, where
a run looks for its best step; older folders go after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import safetensors
import safetensors.torch
from torch import Tensor

from primetone.errors import FormatError, RunError
from primetone.files import (
    DirectoryCommit,
    read_json,
    remove_directory,
    sweep_stale,
    verify_manifest,
    write_atomically,
    write_json,
)

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
LATEST, BEST = "latest", "best"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that a run needs to go on: tensors by name, and plain JSON values."""

    step: int
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


@final
class CheckpointStore:
    """The checkpoints of one run, under `folder`; the newest `keep` stay, and the best one."""

    def __init__(self, folder: str | Path, *, keep: int = 2) -> None:
        self.folder = Path(folder)
        self.keep = keep

    def save(self, checkpoint: Checkpoint, *, best_step: int | None = None) -> Path:
        """Write a checkpoint, move `latest` to it, remove the oldest and what a kill left behind.

        `best_step` is that of the best checkpoint so far, which may be this one.

        Errors: FileError (a full disk, ...); the checkpoints of before are then untouched.
        """
        target = self.path(checkpoint.step)
        sweep_stale(self.folder)
        with DirectoryCommit(target, overwrite=True) as temporary:
            _write_tensors(temporary / MODEL, checkpoint.model)
            if checkpoint.optimizer:
                _write_tensors(temporary / OPTIMIZER, checkpoint.optimizer)
            write_json(temporary / STATE, {**checkpoint.state, "step": checkpoint.step})
        write_atomically(self.folder / LATEST, f"{target.name}\n".encode())
        if best_step is not None:
            write_atomically(self.folder / BEST, f"{self.path(best_step).name}\n".encode())
        for step in self.steps()[: -self.keep]:
            if step not in (checkpoint.step, best_step):
                remove_directory(self.path(step))
        return target

    def path(self, step: int) -> Path:
        """Where the checkpoint of that step is or would be."""
        return self.folder / f"step_{step}"

    def steps(self) -> list[int]:
        """The steps of all complete checkpoints, in order."""
        names = [path.name for path in self.folder.glob("step_*") if path.is_dir()]
        return sorted(int(name[5:]) for name in names if name[5:].isdecimal())

    def latest(self) -> int | None:
        """The step that `latest` names; None before the first checkpoint."""
        return self._named(LATEST)

    def best(self) -> int | None:
        """The step that did best on the validation text; None where nobody looked for it."""
        return self._named(BEST)

    def _named(self, pointer: str) -> int | None:
        try:
            name = (self.folder / pointer).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        step = name.removeprefix("step_")
        if not step.isdecimal() or not self.path(int(step)).is_dir():
            there = ", ".join(str(step) for step in self.steps()) or "none"
            raise RunError(
                f"expected {self.folder / pointer} to name a checkpoint beside it, found "
                f"{name!r}; the steps there are: {there}. Write the name of one into that file, "
                "such as step_100"
            )
        return int(step)

    def load(self, step: int) -> Checkpoint:
        """Read a checkpoint onto the CPU, after checking every file against its manifest.

        Errors: RunError if there is none of that step, FormatError if it is damaged.
        """
        folder = self._existing(step)
        with self._naming_others(step):
            verify_manifest(folder)
            state = read_json(folder / STATE)
            if not isinstance(state, dict) or state.get("step") != step:
                raise FormatError(
                    f"{folder / STATE}: expected the state of step {step}, found another: "
                    "restore the folder from a copy"
                )
            has_optimizer = (folder / OPTIMIZER).exists()
            return Checkpoint(
                step=step,
                model=_read_tensors(folder / MODEL),
                optimizer=_read_tensors(folder / OPTIMIZER) if has_optimizer else {},
                state=state,
            )

    def load_model(self, step: int) -> dict[str, Tensor]:
        """The model's tensors alone, checked in the same way."""
        folder = self._existing(step)
        with self._naming_others(step):
            verify_manifest(folder, skip=(OPTIMIZER,))
            return _read_tensors(folder / MODEL)

    @contextmanager
    def _naming_others(self, step: int) -> Iterator[None]:
        """Tell of a damaged checkpoint which others could be used instead."""
        try:
            yield
        except FormatError as error:
            others = [other for other in self.steps() if other != step]
            if not others:
                raise
            raise FormatError(
                f"{error}. Or go on from another checkpoint: write step_{others[-1]} into "
                f"{self.folder / 'latest'} (steps there: {', '.join(map(str, others))})"
            ) from error

    def _existing(self, step: int) -> Path:
        folder = self.path(step)
        if not folder.is_dir():
            there = ", ".join(str(step) for step in self.steps()) or "none"
            raise RunError(
                f"expected a checkpoint of step {step} in {self.folder}, found steps: {there}"
            )
        return folder


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, safetensors.torch.save(on_cpu))


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise FormatError(
            f"{path}: expected a safetensors file, found a damaged one ({error}): restore it from "
            "a copy or use an earlier checkpoint"
        ) from error
