"""What an evaluation found, as numbers for scripts and as a table for people."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from primetone.errors import TextError

__all__ = ["Evaluation", "bits_per_byte"]


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """The yardstick: total nats in bits, over the bytes that the scored tokens stand for."""
    return nats / (math.log(2) * num_bytes)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A model's likelihood of a text beside the baselines of the same text.

    Bits per byte hold for characters, bytes and any vocabulary alike. ``baselines`` are bits per
    byte by name.
    """

    nats_per_token: float
    bits_per_byte: float
    perplexity: float
    nats_per_character: float | None = None
    num_tokens: int
    num_bytes: int
    num_characters: int | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        nats: float,
        num_tokens: int,
        num_bytes: int,
        num_characters: int | None = None,
        baselines: Mapping[str, float] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Evaluation:
        """From the total nats of ``num_tokens`` scored tokens that stand for ``num_bytes``."""
        if num_tokens < 1 or num_bytes < 1:
            raise TextError(
                f"nothing to evaluate: expected at least one token that stands for text, found "
                f"{num_tokens:,} tokens and {num_bytes:,} bytes; give more text"
            )
        nats_per_token = nats / num_tokens
        try:
            perplexity = math.exp(nats_per_token)
        except OverflowError:
            perplexity = math.inf
        return cls(
            nats_per_token=nats_per_token,
            bits_per_byte=bits_per_byte(nats, num_bytes),
            perplexity=perplexity,
            nats_per_character=nats / num_characters if num_characters else None,
            num_tokens=num_tokens,
            num_bytes=num_bytes,
            num_characters=num_characters,
            baselines=dict(baselines or {}),
            notes=notes,
        )

    @property
    def bits_per_character(self) -> float | None:
        """The surprise of a character, in bits."""
        return None if self.nats_per_character is None else self.nats_per_character / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a figure that is not finite becomes None."""
        tree = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        tree["bits_per_character"] = self.bits_per_character
        tree["baselines"] = {name: _finite(value) for name, value in self.baselines.items()}
        tree["notes"] = list(self.notes)
        return {key: _finite(value) for key, value in tree.items()}

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def table(self) -> str:
        """An aligned table: the model's figures, then all contenders, best first."""
        figures = [
            ("nats per token", f"{self.nats_per_token:.4f}"),
            ("perplexity per token", f"{self.perplexity:,.2f}"),
            ("bits per byte", f"{self.bits_per_byte:.4f}"),
        ]
        if self.nats_per_character is not None:
            figures.append(("nats per character", f"{self.nats_per_character:.4f}"))
            figures.append(("bits per character", f"{self.bits_per_character:.4f}"))
        figures += [
            ("tokens scored", f"{self.num_tokens:,}"),
            ("bytes of text", f"{self.num_bytes:,}"),
        ]
        lines = _aligned(figures)
        if self.baselines:
            contenders = {"this model": self.bits_per_byte}
            contenders |= {
                _label(name): bits for name, bits in self.baselines.items() if name != "ngram_best"
            }
            ranked = sorted(contenders.items(), key=lambda item: item[1])
            marks = {"this model": "  <-"}
            lines += ["", "bits per byte, best first"]
            rows = [(name, f"{bits:.4f}") for name, bits in ranked]
            lines += [
                line + marks.get(name, "")
                for line, (name, _) in zip(_aligned(rows), rows, strict=True)
            ]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def _label(name: str) -> str:
    kind, _, rest = name.partition("_")
    if kind == "ngram":
        return f"{rest}-gram of bytes"
    compressors = {"ppm": "PPMd of 6 bytes", "xz": "xz -9e"}
    return f"{compressors[name]} after the training text" if name in compressors else name


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    left = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    return [f"  {name:<{left}}  {value:>{right}}" for name, value in rows]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
