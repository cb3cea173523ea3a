# ruff: noqa: RUF001  these look alike, which is why they stand here and nowhere else
"""Punctuation that ends sentences, and what opens and closes around them, in several scripts."""

from __future__ import annotations

ENDS = ".!?…"
"""Ends a sentence when white space follows."""
FULL_WIDTH_ENDS = "。！？"
"""Ends a sentence whatever follows."""
CLOSING = "\"'”’»)]"
FULL_WIDTH_CLOSING = "」』”’）"
OPENING = "\"'“‘«([¿¡"
