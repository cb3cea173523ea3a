"""Pictures of a run as PNG and SVG: its curves, and what happens inside its model."""

from primetone.plots.curves import plot_run
from primetone.plots.internals import plot_internals

__all__ = ["plot_internals", "plot_run"]
