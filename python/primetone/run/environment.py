"""What the numbers of a run may depend on, beside its recipe and its data."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from primetone.files import read_json
from primetone.training.ranks import current_ranks
from primetone.training.runtime import has_bfloat16_units

DECIDES_BITS = ("torch", "threads", "ranks", "platform", "cpu", "cuda")


def environment() -> dict[str, Any]:
    """Versions, platform, threads and device, for environment.json."""
    from primetone._rust_tok import __version__

    return {
        "primetone": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "platform": platform.platform(),
        "byte_order": sys.byteorder,
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "ranks": current_ranks().world,
        "cpu": _cpu_abilities(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def changed_environment(path: Path) -> str:
    """In words, what of environment.json decides the bits of a run and is different now."""
    before, now = read_json(path), environment()
    return ", ".join(
        f"{key} was {before.get(key)!r} and is {now[key]!r}"
        for key in DECIDES_BITS
        if before.get(key) != now[key]
    )


def _cpu_abilities() -> str:
    """What of the processor decides which kernels torch runs, and whether they take bfloat16."""
    vectors = torch.backends.cpu.get_cpu_capability()
    return f"{vectors} with bfloat16" if has_bfloat16_units(torch.device("cpu")) else vectors
