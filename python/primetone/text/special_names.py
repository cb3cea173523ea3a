"""The names of special tokens: the usual ones, and the roles that names tell."""

from __future__ import annotations

from collections.abc import Mapping

END_OF_TEXT = "<|endoftext|>"
CHARACTER_SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")

# most usual first
EOS_NAMES = (END_OF_TEXT, "<eos>", "</s>", "<END>")
BOS_NAMES = ("<bos>", "<s>", "<|startoftext|>", "<START>")
PAD_NAMES = ("<pad>", "<|pad|>", "<PAD>")


def first_id(specials: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    """The id of the first of ``names`` that is a special token."""
    return next((specials[name] for name in names if name in specials), None)
