"""Fair experiments: arms that differ in one thing, seeds, paired comparison, table and plot."""

from primetone.compare.experiment import compare

__all__ = ["compare"]
