"""Memory: how much a training takes, and what would fit where it ran out."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from primetone.errors import is_out_of_memory
from primetone.text.memory import peak_memory_bytes


def memory_bytes(device: torch.device) -> int:
    """The most that was taken so far: of the GPU's memory by tensors, of a CPU's by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_memory_bytes()


def rows_that_fit(rows: int, attempt: Callable[[int], None]) -> int:
    """The largest divisor of `rows`, smaller than it, with which `attempt` has enough memory; or 0.

    It is tried, not estimated: what a step takes depends on the kernels.
    """
    for fewer in sorted((n for n in range(1, rows) if rows % n == 0), reverse=True):
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(fewer)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            return fewer
    return 0
