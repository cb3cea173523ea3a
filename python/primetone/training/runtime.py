"""Where and how the numbers are computed: device, precision, compilation, threads and ranks."""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, final

import torch
from torch import nn

from primetone.errors import ConfigError, RunError
from primetone.training.ranks import Ranks, current_ranks

if TYPE_CHECKING:
    import numpy as np

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
Compile: TypeAlias = Literal["auto", "on", "off"]

Products: TypeAlias = Literal["exact", "shortened"]
"""Of float32 factors: as they are, or as TF32 or bfloat16 where the device has units for it."""


@final
@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Settled choices; make one with `start_runtime`."""

    device: torch.device
    precision: Literal["float32", "bfloat16"]
    products: Products
    compile: Literal["on", "off"]
    ranks: Ranks = field(default_factory=Ranks)

    def place(self, array: np.ndarray) -> torch.Tensor:
        """The array as a tensor on the device; on CUDA the copy overlaps with what runs there."""
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def autocast(self) -> AbstractContextManager[object]:
        """The context for forward passes: bfloat16 where that was chosen, else nothing."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @contextmanager
    def multiplying(self) -> Iterator[None]:
        """A context for a whole training: how torch multiplies float32 matrices inside it.

        Measured: on a CPU without units for bfloat16 "shortened" makes torch take oneDNN's exact
        products instead of MKL's: on Zen 5 at 768 x 128 x 512, 111 against 83 GFLOP/s a core.
        """
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium" if self.products == "shortened" else "highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module to call while training: compiled if chosen. Its weights are the module's own.

        Save and load through the module itself: its names carry no prefix.
        """
        if self.compile == "off":
            return module
        return cast("nn.Module", torch.compile(module, dynamic=False))

    def seed(self, *parts: int | str) -> None:
        """Seed torch's generators from these parts, on every device in use."""
        number = number_of(*parts)
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(number)
        elif self.device.type == "mps":
            torch.mps.manual_seed(number)


def number_of(*parts: int | str) -> int:
    """64 bits that follow from these parts."""
    text = " ".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def start_runtime(
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = "auto",
    threads: int | None = None,
) -> Runtime:
    """Settle `auto` choices on this machine; of torch's global switches only `threads` is set.

    On a CPU the process keeps the memory that it frees (`keep_freed_memory`).

    Device `auto` means CUDA, then Apple's MPS, then the CPU. Precision `auto` means bfloat16 on
    devices with units for it and float32 elsewhere; training may then shorten the factors of
    float32 products, which `float32` forbids. Weights and optimiser state are float32 always.
    Compilation is for CUDA only unless asked for. `threads` are torch's threads on the CPU.

    Among ranks every process takes the GPU that has its number on this machine.

    Measured: 4 layers, width 128, context 128, batch 16 on two Zen 5 cores: 22,100 tokens/s in
    bfloat16 and 14,800 in float32, with the same losses to three digits.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    ranks = current_ranks()
    chosen = _choose_device(device, ranks)
    if chosen.type == "cpu":
        keep_freed_memory()
    products: Products = "shortened" if precision == "auto" else "exact"
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16_units(chosen) else "float32"
    if compile == "auto":
        compile = "on" if chosen.type == "cuda" else "off"
    return Runtime(
        device=chosen, precision=precision, products=products, compile=compile, ranks=ranks
    )


def keep_freed_memory() -> bool:
    """Have glibc keep the blocks that are freed; False under other allocators.

    Every step frees and asks for the same tensors. As glibc comes, blocks of more than 128 KiB go
    back to the system and come again page by page, cleared: a step of `signal-classic` had 2,000
    page faults, and casting its largest matrix took 4 ms in place of 0.1. For the whole process;
    what it holds stays at its peak. Blocks of up to 1 GiB are kept, 32 MiB where glibc takes no
    higher threshold. Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    trim_threshold, mmap_threshold = -1, -3
    kept = mallopt(mmap_threshold, 1 << 30) or mallopt(mmap_threshold, 1 << 25)
    return bool(kept and mallopt(trim_threshold, (1 << 31) - 1))


def has_bfloat16_units(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32, and does not only emulate it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Newer than the oldest torch that we accept.
        abilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(abilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return False


def _choose_device(name: Device, ranks: Ranks) -> torch.device:
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(cast("Device", kind) for kind, there in available.items() if there)
    if not available[name]:
        there = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ConfigError(
            f"train.device: expected a device of this machine, found {name!r}, which torch cannot "
            f"use here: choose one of auto, {there}"
        )
    if name == "cuda" and ranks.world > 1:
        return _own_gpu(ranks)
    return torch.device(name)


def _own_gpu(ranks: Ranks) -> torch.device:
    if ranks.local_rank >= (there := torch.cuda.device_count()):
        raise RunError(
            f"expected a GPU for every process of this machine, found {there} for process "
            f"{ranks.local_rank + 1}: start as many by torchrun --nproc-per-node {there}"
        )
    chosen = torch.device("cuda", ranks.local_rank)
    torch.cuda.set_device(chosen)
    return chosen
