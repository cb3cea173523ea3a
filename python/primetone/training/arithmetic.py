"""How much arithmetic a step is, and how much the device could do in its time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Literal

import torch
from torch.utils.flop_counter import FlopCounterMode

# dense products of bfloat16 in FLOP/s, as the makers' data sheets say
RATES = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
}
MEASURED_SIZE = {"cpu": 1024}
MEASURED_TIMES = 4


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations of the products, convolutions and attention in `work`.

    A product and an addition are two. Backward passes inside count.
    """
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return counter.get_total_flops()


@functools.cache
def peak_rate(device: torch.device, precision: Literal["float32", "bfloat16"]) -> float:
    """FLOP/s of large products: of GPUs in bfloat16 by their data sheets, else measured here.

    Measuring takes some 50 ms on a CPU; the best of a few products counts.
    """
    if device.type == "cuda" and precision == "bfloat16":
        name = torch.cuda.get_device_name(device)
        for known, rate in RATES.items():
            if known in name:
                return rate
    size = MEASURED_SIZE.get(device.type, 4096)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    factor = torch.ones(size, size, dtype=kind, device=device)
    product = torch.empty_like(factor)
    best = float("inf")
    for _ in range(MEASURED_TIMES):
        started = time.perf_counter()
        torch.mm(factor, factor, out=product)
        float(product[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
