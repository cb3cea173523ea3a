"""What a caller may choose about learning merges; docs/bpe.md says what each rule means."""

from __future__ import annotations

from typing import Any, Literal

from primetone.errors import ConfigError

__all__ = ["Duplicates", "MaxTokenRule", "Tie", "learn_options"]

Tie = Literal[
    "hf", "raw", "first_occurrence", "bytes_max", "bytes_min", "sentencepiece", "youtokentome"
]
MaxTokenRule = Literal["exact", "hf_compat"]
Duplicates = Literal["skip", "reuse", "mint", "error"]


def learn_options(
    tie: Tie,
    min_count: int,
    max_token_bytes: int | None,
    max_token_rule: MaxTokenRule,
    duplicates: Duplicates,
) -> dict[str, Any]:
    """The options as the core takes them.

    Raises:
        ConfigError: a number outside its range.
    """
    if not 0 <= min_count < 1 << 64:
        raise ConfigError(f"min_count must be between 0 and 2^64 - 1; found {min_count}")
    if max_token_bytes is not None and not 1 <= max_token_bytes < 1 << 32:
        raise ConfigError(f"max_token_bytes must be at least 1, or None; found {max_token_bytes}")
    return {
        "tie": tie,
        "min_count": min_count,
        "max_token_bytes": max_token_bytes,
        "max_token_rule": max_token_rule,
        "duplicates": duplicates,
    }
