"""Maximum likelihood: the negative log-probability of the next token, in nats.

Letters: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Batch, Loss


def next_token_nats(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    """Sum of -log p(target) over all positions; computed in float32 under autocast."""
    return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="sum")


def next_token_loss(module: nn.Module, batch: Batch) -> Loss:
    """The loss of a language model: nothing smoothed, nothing weighted."""
    total = next_token_nats(module(batch.inputs_BT), batch.targets_BT)
    return Loss(total=total, weight=batch.weight)
