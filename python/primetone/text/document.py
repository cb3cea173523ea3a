"""What readers give: documents, and parts of large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Document", "Part"]


@dataclass(frozen=True)
class Document:
    """One text: a name for messages, and its bytes in UTF-8 (in any form with encoding "bytes")."""

    name: str
    data: bytes


class Part(NamedTuple):
    """A run of bytes of a document, as counting and encoding take it."""

    data: bytes
    weight: int
    goes_on: bool
    """whether the next part belongs to the same document"""
