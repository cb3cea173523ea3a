"""The original's network: soft tokens of one context, a transformer over them, one next character.

Letters: B batch, T time, C contexts, M soft tokens, D channels of a token, P channels of the
pattern, V vocabulary.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, final

from torch import Tensor, nn

from primetone.contracts import Role
from primetone.families.signal.config import HeadConfig, SignalConfig
from primetone.families.signal.encoder import Encoded, EncodedContexts
from primetone.families.signal.inputs import Signals
from primetone.families.signal.readers import reader_roles


@final
class IntermediateTransformer(nn.Module):
    """Attention and feed-forward layers over the soft tokens of one context; norms come after."""

    def __init__(self, config: HeadConfig, *, width: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, config.ff_width, config.dropout, batch_first=True
            )
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

    Attention over a sequence of one takes the value whatever query and key say; `linear` leaves
    both away: the pattern goes to the norm as it is.
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
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, vocab_size)

    def forward(self, tokens_CMD: Tensor) -> Tensor:
        return self.decode(tokens_CMD).logits_CV

    def decode(self, tokens_CMD: Tensor) -> Decoded:
        """All stages."""
        pattern_CP = self.projection(tokens_CMD.flatten(1))
        if self.attention is None:
            refined_CP = self.norm(self.dropout(pattern_CP))
        else:
            single = pattern_CP[:, None]
            mixed, _ = self.attention(single, single, single, need_weights=False)
            refined_CP = self.norm(pattern_CP + self.dropout(mixed[:, 0]))
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
