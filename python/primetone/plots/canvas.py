"""The canvas of every picture: matplotlib without a window, saved as PNG and SVG."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from primetone.errors import MissingExtraError
from primetone.files import write_atomically

INK, QUIET = "#222222", "#bbbbbb"


def save_figure(figure: Any, stem: Path) -> list[Path]:
    """The figure as stem.png and stem.svg, each complete or not there."""
    written = []
    for kind in ("png", "svg"):
        buffer = io.BytesIO()
        # Without a date the same numbers give the same file.
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=144, metadata=metadata)
        path = stem.with_suffix(f".{kind}")
        write_atomically(path, buffer.getvalue())
        written.append(path)
    return written


def figure_class() -> Callable[..., Any]:
    """Matplotlib's figure without pyplot: no window, no global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "drawing plots needs matplotlib, which is not installed: pip install 'primetone[plot]'"
        ) from error
    return Figure
