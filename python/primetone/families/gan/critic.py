"""The critic: how real a sentence looks, as a score without bounds, and for every token besides.

It reads rows of its own word table: exact ones for words, mean ones for a generator's
probabilities. Nothing in it mixes sentences, so gradients of a sum of scores are gradients of each.

Letters: N sentences, S positions, E channels of a word, F filters, D inner channels.
"""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.families.gan.config import CriticConfig
from primetone.families.gan.layers import Added, Attention, FeedForward, never_where
from primetone.nn.kernels import dropout
from primetone.nn.positions import sinusoidal_table

FILTER_WIDTHS = (2, 3, 4, 5)


class Scores(NamedTuple):
    """What a critic says of sentences."""

    sentence_N: Tensor
    tokens_N: Tensor | None
    """The mean of the scores of a sentence's tokens, where the critic gives them."""

    def parts(self) -> list[Tensor]:
        """The scores there are, each for every sentence."""
        return [part for part in self if part is not None]

    def total_N(self) -> Tensor:
        """Their sum."""
        return torch.stack(self.parts()).sum(0)

    def halves(self) -> tuple[Scores, Scores]:
        """The scores of the first half of the sentences, and of the second."""
        first, second = self.sentence_N.chunk(2)
        if self.tokens_N is None:
            return Scores(first, None), Scores(second, None)
        first_tokens, second_tokens = self.tokens_N.chunk(2)
        return Scores(first, first_tokens), Scores(second, second_tokens)


@final
class Layer(nn.Module):
    """Self-attention, then feed-forward, each added before its norm."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        width = config.inner_width
        self.attention = Attention(width, heads=config.heads)
        self.attended = Added(width, "pre", share=config.dropout)
        self.feed_forward = FeedForward(width, config.ff_width)
        self.fed = Added(width, "pre", share=config.dropout)

    def forward(self, x_NRD: Tensor, hidden: Tensor) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.attention(*self.attention.all_of(x), hidden)

        refined: Tensor = self.fed(self.attended(x_NRD, attend), self.feed_forward)
        return refined


@final
class Block(nn.ModuleList):
    """Layers one after the other."""

    def forward(self, x_NRD: Tensor, hidden: Tensor) -> Tensor:
        for layer in self:
            x_NRD = layer(x_NRD, hidden)
        return x_NRD


@final
class TransformerCritic(nn.Module):
    """Blocks of layers over the words, then blocks with a learned class token before them."""

    positions_SE: Tensor

    def __init__(self, config: CriticConfig, *, length: int, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.words = word_table(vocab_size, config.width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.inner_width))
        self.blocks = nn.ModuleList(self._block() for _ in range(config.blocks))
        self.class_blocks = nn.ModuleList(self._block() for _ in range(config.class_blocks))
        self.norm = nn.LayerNorm(config.inner_width)
        self.sentence_score = nn.Linear(config.inner_width, 1)
        if config.scores == "both":
            self.token_score = nn.Linear(config.inner_width, 1)
        self.register_buffer(
            "positions_SE", sinusoidal_table(length, config.width), persistent=False
        )

    def _block(self) -> Block:
        return Block(Layer(self.config) for _ in range(self.config.layers))

    def forward(self, rows_NSE: Tensor, is_word_NS: Tensor) -> Scores:
        """Scores of sentences whose words have these rows; the rest of each is not looked at."""
        S = rows_NSE.shape[1]
        positions_NSE = self.positions_SE[:S].expand_as(rows_NSE)
        if self.config.positions == "beside":
            x_NRD = torch.cat((rows_NSE, positions_NSE), dim=-1)
        else:
            x_NRD = rows_NSE + positions_NSE
        is_seen_NR = is_word_NS
        for block in self.blocks:
            x_NRD = block(x_NRD, never_where(~is_seen_NR[:, None, None], x_NRD))
            if self.config.pooling != "none" and x_NRD.shape[1] > 1:
                x_NRD, is_seen_NR = pool(x_NRD, is_seen_NR, mean=self.config.pooling == "average")
        x_NRD = torch.cat((self.class_token.expand(len(x_NRD), 1, -1), x_NRD), dim=1)
        is_seen_NR = F.pad(is_seen_NR, (1, 0), value=True)
        for block in self.class_blocks:
            x_NRD = block(x_NRD, never_where(~is_seen_NR[:, None, None], x_NRD))
        x_NRD = self.norm(x_NRD)
        sentence_N = self.sentence_score(x_NRD[:, 0])[:, 0]
        if self.config.scores == "sentence":
            return Scores(sentence_N, None)
        tokens_NS = self.token_score(x_NRD[:, 1:])[..., 0]
        weights_NS = is_word_NS / is_word_NS.sum(1, keepdim=True)
        return Scores(sentence_N, (tokens_NS * weights_NS).sum(1))


def word_table(vocab_size: int, width: int) -> nn.Embedding:
    """Rows of length 1, about, so that the positions beside them are no louder."""
    table = nn.Embedding(vocab_size, width)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table


def pool(x_NRD: Tensor, is_seen_NR: Tensor, *, mean: bool) -> tuple[Tensor, Tensor]:
    """Every two rows as one: the mean, or the largest, of those that count."""
    odd = x_NRD.shape[1] % 2
    x_NRD, is_seen_NR = F.pad(x_NRD, (0, 0, 0, odd)), F.pad(is_seen_NR, (0, odd))
    pairs_NR2D = x_NRD.unflatten(1, (-1, 2))
    counts_NR21 = is_seen_NR.unflatten(1, (-1, 2))[..., None]
    is_pair_NR = counts_NR21.any(2)[..., 0]
    if mean:
        sums_NRD = (pairs_NR2D * counts_NR21).sum(2)
        return sums_NRD / counts_NR21.sum(2).clamp(min=1), is_pair_NR
    lowest = torch.finfo(x_NRD.dtype).min
    largest_NRD = pairs_NR2D.masked_fill(~counts_NR21, lowest).amax(2)
    return largest_NRD.where(is_pair_NR[..., None], 0.0), is_pair_NR


@final
class ConvolutionCritic(nn.Module):
    """Filters over two to five words, the strongest answer of each, a linear score.

    Source: arXiv 1408.5882, as critics of text use it (1609.05473).
    """

    def __init__(self, config: CriticConfig, *, length: int, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.words = word_table(vocab_size, config.width)
        self.filters = nn.ModuleList(
            nn.Conv1d(config.width, config.filters, width, padding=width - 1)
            for width in FILTER_WIDTHS
        )
        answers = config.filters * len(FILTER_WIDTHS)
        self.inward = nn.Linear(answers, answers)
        self.sentence_score = nn.Linear(answers, 1)

    def forward(self, rows_NSE: Tensor, is_word_NS: Tensor) -> Scores:
        """Scores of sentences whose words have these rows; the rest of each counts as zeros."""
        rows_NES = (rows_NSE * is_word_NS[..., None]).mT
        # the strongest first: the activation keeps their order, and there are fewer of them
        strongest = torch.cat([conv(rows_NES).max(-1).values for conv in self.filters], dim=1)
        found = F.leaky_relu(strongest, 0.2)
        found = dropout(found, self.config.dropout, training=self.training)
        inner = F.leaky_relu(self.inward(found), 0.2)
        return Scores(self.sentence_score(inner)[:, 0], None)


Critic = TransformerCritic | ConvolutionCritic


def build_critic(config: CriticConfig, *, length: int, vocab_size: int) -> Critic:
    """The critic of that kind."""
    kind = TransformerCritic if config.kind == "transformer" else ConvolutionCritic
    return kind(config, length=length, vocab_size=vocab_size)
