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


def next_token_loss(module: nn.Module, batch: Batch, *, smoothing: float = 0.0) -> Loss:
    """The loss of a language model; `smoothing` of every target goes to all tokens evenly.

    What is smoothed compares with nothing, so the plain nats are then logged beside it.
    Source: arXiv 1512.00567, section 7.
    """
    logits_BTV = module(batch.inputs_BT)
    if not smoothing:
        return Loss(total=next_token_nats(logits_BTV, batch.targets_BT), weight=batch.weight)
    logs_NV = logits_BTV.flatten(0, 1).log_softmax(-1)
    nats = F.nll_loss(logs_NV, batch.targets_BT.flatten(), reduction="sum")
    total = (1 - smoothing) * nats - smoothing * logs_NV.mean(-1).sum()
    return Loss(total=total, weight=batch.weight, metrics={"nats_per_token": nats})
