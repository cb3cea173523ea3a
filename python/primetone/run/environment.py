"""What the numbers of a run may depend on, beside its recipe and its data."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import numpy as np
import torch


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
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
