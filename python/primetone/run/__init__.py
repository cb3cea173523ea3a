"""The run: a complete directory, and the one place where the parts are put together."""

from primetone.run.directory import Run
from primetone.run.training import train

__all__ = ["Run", "train"]
