"""How large a model is, without making it."""

from __future__ import annotations

import torch

from primetone.families import family
from primetone.recipe import Recipe


def count_parameters(recipe: Recipe, vocab_size: int) -> int:
    """Numbers that the recipe's model learns, over a vocabulary of that size."""
    with torch.device("meta"):
        model = family(recipe.family).build(recipe.model, vocab_size=vocab_size)
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
