"""Searching a recipe's settings: trials in worker processes, early ends, the best as a recipe."""

from primetone.tuning.study import Study, open_study, tune

__all__ = ["Study", "open_study", "tune"]
