"""From signals to soft tokens: a projection, a softmax over a codebook, attention among the tokens.

Letters: B batch, T time, C contexts, L samples, M soft tokens, K codewords, D channels of a token,
W channels of the trunk.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from primetone.families.signal.config import EncoderConfig
from primetone.families.signal.inputs import GatheredProjection, Signals
from primetone.nn import kernels
from primetone.nn.attention import attend_among

DEAD_SHARE = 0.01
"""A codeword used less than this share of an even use counts as dead."""

MOST_GATHERED = 4096
"""Rows of a table, places times symbols, up to which projections are gathered unasked."""


class Encoded(NamedTuple):
    """Every stage of the encoder, for those who look inside."""

    logits_CMK: Tensor
    usage_CMK: Tensor
    """Softmax of the logits: how much of each codeword a token is."""
    tokens_CMD: Tensor
    """After the refinements."""


@final
class Refinement(nn.Module):
    """Attention among the soft tokens, added to them, then a layer norm."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.share = dropout

    def forward(self, tokens_CMD: Tensor) -> Tensor:
        mixed = attend_among(self.attention, tokens_CMD)
        mixed = kernels.dropout(mixed, self.share, training=self.training)
        refined: Tensor = self.norm(tokens_CMD + mixed)
        return refined


@final
class PatternEncoder(nn.Module):
    """`signals_CL -> tokens_CMD`: each token a mixture of codewords that the signal chooses."""

    def __init__(self, config: EncoderConfig, *, samples: int) -> None:
        super().__init__()
        self.config = config
        self.projection = nn.Linear(samples, config.soft_tokens * config.codewords)
        self.codebook = nn.Embedding(config.codewords, config.token_width)
        self.logit_scale = nn.Parameter(torch.ones(())) if config.logit_scale == "learned" else None
        drops = config.refinement_dropout
        self.refinements = nn.ModuleList(
            Refinement(
                config.token_width,
                heads=config.heads,
                dropout=drops[min(number, len(drops) - 1)],
            )
            for number in range(config.refinements)
        )

    def forward(self, signals_CL: Tensor) -> Tensor:
        return self.encode(self.projection(signals_CL)).tokens_CMD

    def encode(self, projected: Tensor) -> Encoded:
        """All stages after the projection of C contexts, (C, M K)."""
        logits_CMK = projected.unflatten(-1, (self.config.soft_tokens, self.config.codewords))
        if self.logit_scale is not None:
            logits_CMK = logits_CMK * self.logit_scale
        usage_CMK = logits_CMK.softmax(-1)
        tokens_CMD = usage_CMK @ self.codebook.weight.to(usage_CMK.dtype)
        for refinement in self.refinements:
            tokens_CMD = refinement(tokens_CMD)
        return Encoded(logits_CMK, usage_CMK, tokens_CMD)

    @torch.no_grad()
    def figures(self, usage_CMK: Tensor) -> dict[str, float]:
        """Entropy of a token in nats, codewords in effective use, share of dead ones, scale."""
        usage_CMK = usage_CMK.float()
        mean_K = usage_CMK.mean((0, 1))
        dead = (mean_K < DEAD_SHARE / len(mean_K)).float().mean()
        figures = {
            "token_entropy": float(_entropy(usage_CMK).mean()),
            "usage_perplexity": float(_entropy(mean_K).exp()),
            "dead_codewords": float(dead),
        }
        if self.logit_scale is not None:
            figures["logit_scale"] = float(self.logit_scale)
        return figures


@final
class EncodedContexts(nn.Module):
    """Ids to soft tokens, dense or gathered: the signals with the encoder that reads them."""

    def __init__(self, signals: Signals, config: EncoderConfig) -> None:
        super().__init__()
        self.signals = signals
        self.encoder = PatternEncoder(config, samples=signals.bank.num_samples)
        self.gathered = GatheredProjection(signals)

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Encoded:
        """Of every window that ends at position `start` or later, row by row."""
        with self._precision(ids_BT.device):
            if self._gathers():
                rows_CN = self.signals.place_rows(ids_BT, start=start).flatten(0, 1)
                return self.encoder.encode(self.gathered(rows_CN, self.encoder.projection))
            return self.encoder.encode(
                self.encoder.projection(self.signals(ids_BT, start=start).flatten(0, 1))
            )

    def last(self, ids_BN: Tensor) -> Encoded:
        """Of each row's last window alone; a row may be empty."""
        ids_BN = ids_BN[:, -self.signals.window :]
        if self._gathers() and ids_BN.shape[1]:
            return self.forward(ids_BN, start=ids_BN.shape[1] - 1)
        with self._precision(ids_BN.device):
            return self.encoder.encode(self.encoder.projection(self.signals.last(ids_BN)))

    def _precision(self, device: torch.device) -> AbstractContextManager[object]:
        """float32 where bfloat16 would hide the little by which the logits differ.

        Measured: signal-classic on its own text knows nothing but the frequencies of characters
        after 33 epochs with all products in bfloat16; with the encoder in float32 it begins to
        read at the third.
        """
        match self.encoder.config.precision:
            case "auto":
                is_faint = self.signals.config.norm == "l2"
                exact = is_faint and self.encoder.config.logit_scale == "none"
            case choice:
                exact = choice == "float32"
        return torch.autocast(device.type, enabled=False) if exact else nullcontext()

    def _gathers(self) -> bool:
        match self.encoder.config.projection:
            case "auto":
                learns = torch.is_grad_enabled() and self.encoder.projection.weight.requires_grad
                places = self.signals.window * self.signals.vocab_size
                return not learns and places <= MOST_GATHERED
            case choice:
                return choice == "gathered"


def _entropy(probabilities: Tensor) -> Tensor:
    return -torch.xlogy(probabilities, probabilities).sum(-1)
