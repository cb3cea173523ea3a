"""The original's network: soft tokens of one context, a transformer over them, one next character.

Letters: B batch, T time, C contexts, M soft tokens, D channels of a token, P channels of the
pattern, V vocabulary.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, final

from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Role
from primetone.families.signal.config import HeadConfig, SignalConfig
from primetone.families.signal.encoder import Encoded, EncodedContexts
from primetone.families.signal.inputs import Signals
from primetone.families.signal.readers import reader_roles
from primetone.nn.attention import attend_among
from primetone.nn.kernels import dropout, relu_dropout


@final
class TrunkLayer(nn.Module):
    """Attention, then feed-forward with ReLU, each added and followed by a norm.

    The same function, parameters and first weights as torch's `TransformerEncoderLayer` as it
    comes, with the dropout of this house. Source: arXiv 1706.03762, section 3.1.
    """

    def __init__(self, width: int, *, heads: int, ff_width: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.inward = nn.Linear(width, ff_width)
        self.outward = nn.Linear(ff_width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.share = dropout

    def forward(self, x_CMD: Tensor) -> Tensor:
        mixed = attend_among(self.attention, x_CMD)
        x_CMD = self.attention_norm(x_CMD + dropout(mixed, self.share, training=self.training))
        hidden = relu_dropout(self.inward(x_CMD), self.share, training=self.training)
        out = dropout(self.outward(hidden), self.share, training=self.training)
        refined: Tensor = self.feed_forward_norm(x_CMD + out)
        return refined


@final
class IntermediateTransformer(nn.Module):
    """Attention and feed-forward layers over the soft tokens of one context."""

    def __init__(self, config: HeadConfig, *, width: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TrunkLayer(width, heads=heads, ff_width=config.ff_width, dropout=config.dropout)
            for _ in range(config.layers)
        )

    def forward(self, tokens_CMD: Tensor) -> Tensor:
        for layer in self.layers:
            tokens_CMD = layer(tokens_CMD)
        return tokens_CMD


class Decoded(NamedTuple):
    """Every stage of the decoder, for those who look inside."""

    pattern_CP: Tensor
    refined_CP: Tensor
    logits_CV: Tensor


@final
class PatternDecoder(nn.Module):
    """Soft tokens side by side -> a pattern -> attention or nothing -> a norm -> characters.

    Attention over a sequence of one takes the value whatever query and key say, so that only the
    values are computed; queries and keys are there for the original's sake and never learn.
    `linear` leaves it all away: the pattern goes to the norm as it is.
    """

    def __init__(self, config: HeadConfig, *, inward: int, heads: int, vocab_size: int) -> None:
        super().__init__()
        width = config.pattern_width
        self.projection = nn.Linear(inward, width)
        self.attention = (
            nn.MultiheadAttention(width, heads, batch_first=True)
            if config.pre_decoder == "attention"
            else None
        )
        self.share = config.dropout
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, vocab_size)

    def forward(self, tokens_CMD: Tensor) -> Tensor:
        return self.decode(tokens_CMD).logits_CV

    def decode(self, tokens_CMD: Tensor) -> Decoded:
        """All stages."""
        pattern_CP = self.projection(tokens_CMD.flatten(1))
        if self.attention is None:
            refined_CP = self.norm(dropout(pattern_CP, self.share, training=self.training))
        else:
            width = pattern_CP.shape[1]
            values = self.attention.in_proj_weight[2 * width :]
            bias = self.attention.in_proj_bias[2 * width :]
            mixed = self.attention.out_proj(F.linear(pattern_CP, values, bias))
            mixed = dropout(mixed, self.share, training=self.training)
            refined_CP = self.norm(pattern_CP + mixed)
        return Decoded(pattern_CP, refined_CP, self.output(refined_CP))


@final
class ContextModel(nn.Module):
    """Ids to next-character logits, each from the `window` characters before it and no others."""

    def __init__(self, config: SignalConfig, *, vocab_size: int) -> None:
        super().__init__()
        encoder = config.encoder
        signals = Signals(config.bank, vocab_size=vocab_size, window=config.window)
        self.contexts = EncodedContexts(signals, encoder)
        self.trunk = IntermediateTransformer(
            config.head, width=encoder.token_width, heads=encoder.heads
        )
        self.decoder = PatternDecoder(
            config.head,
            inward=encoder.soft_tokens * encoder.token_width,
            heads=encoder.heads,
            vocab_size=vocab_size,
        )

    def forward(self, ids_BT: Tensor, *, positions: Literal["all", "last"] = "all") -> Tensor:
        """logits_BTV after every position; with `positions="last"` logits_B1V after each row."""
        if positions == "last":
            return self.stages(ids_BT)[1].logits_CV[:, None]
        logits: Tensor = self.decoder(self.trunk(self.contexts(ids_BT).tokens_CMD))
        return logits.unflatten(0, ids_BT.shape)

    def stages(self, ids_BN: Tensor) -> tuple[Encoded, Decoded]:
        """Everything that happens to each row's last window."""
        encoded = self.contexts.last(ids_BN)
        return encoded, self.decoder.decode(self.trunk(encoded.tokens_CMD))

    def roles(self) -> dict[str, Role]:
        """The role of every parameter by its name."""
        return {**reader_roles(self), "decoder.output.weight": "head"}
