"""The decoder family: a GPT-style transformer that predicts the next token.

Letters: B batch, T time, D width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.config import option
from primetone.contracts import Capability, Phase, Role, Window
from primetone.errors import ConfigError, TextError
from primetone.nn.attention import LayerCache, QueryKeyNorm, RotaryTables, SelfAttention
from primetone.nn.kernels import dropout
from primetone.nn.layers import (
    Activation,
    FeedForward,
    Norm,
    build_norm,
    parameter_roles,
)
from primetone.nn.positions import Positions, Rotary, sinusoidal_table
from primetone.objectives.likelihood import next_token_loss

INIT_STD = 0.02
"""Standard deviation of fresh hidden matrices; those that write to the residual stream get less."""

TIED_STD_TIMES_WIDTH = 0.25
"""With a tied head a token's own logit starts near this value, so the first loss stays at ln V."""


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The shape of a decoder; the vocabulary size comes from the tokenizer."""

    layers: int = option(4, "transformer blocks", minimum=1)
    heads: int = option(4, "attention heads; must divide the width", minimum=1)
    width: int = option(128, "channels of the residual stream", minimum=1)
    context: int = option(256, "positions the model sees, in tokens", minimum=1)
    positions: Positions = option("rotary", "how the model knows where a token stands")
    norm: Norm = option("rms", "kind of norm; rms-plain has no gain")
    norm_placement: Literal["pre", "post"] = option("pre", "norm before or after each sublayer")
    activation: Activation = option("swiglu", "non-linearity of the feed-forward layers")
    mlp_factor: float = option(4.0, "feed-forward width over width (swiglu: 2/3 of it)", above=0)
    qk_norm: QueryKeyNorm = option("rms", "norm of queries and keys before they meet")
    head: Literal["tied", "untied"] = option("tied", "share the token table with the output layer")
    output_init: Literal["zero", "scaled"] = option(
        "zero", "how layers that write to the residual stream start, and the untied head"
    )
    bias: bool = option(False, "biases in linear layers and layer norms")
    dropout: float = option(0.0, "probability of dropping a channel", minimum=0.0, below=1.0)
    label_smoothing: float = option(
        0.0, "share of every target that goes to all tokens, in training", minimum=0.0, below=1.0
    )

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(
                f"heads must divide width, found heads {self.heads} and width {self.width}: "
                f"set width to a multiple of {self.heads}"
            )
        if self.positions == "rotary" and (self.width // self.heads) % 2:
            raise ConfigError(
                "rotary positions need an even number of channels per head, found "
                f"{self.width} / {self.heads} = {self.width // self.heads}: change width or heads"
            )


@final
class Block(nn.Module):
    """Attention, then feed-forward, each added to the residual stream.

    Pre-norm computes x + f(norm(x)), post-norm norm(x + f(x)).
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = build_norm(config.norm, config.width, bias=config.bias)
        self.attention = SelfAttention(
            config.width,
            heads=config.heads,
            qk_norm=config.qk_norm,
            dropout=config.dropout,
            bias=config.bias,
        )
        self.feed_forward_norm = build_norm(config.norm, config.width, bias=config.bias)
        self.feed_forward = FeedForward(
            config.width,
            factor=config.mlp_factor,
            activation=config.activation,
            bias=config.bias,
        )
        self.norm_placement = config.norm_placement
        self.dropout = config.dropout

    def forward(
        self, x_BTD: Tensor, rotary: RotaryTables | None, cache: LayerCache | None = None
    ) -> Tensor:
        if self.norm_placement == "pre":
            x_BTD = x_BTD + self._drop(self.attention(self.attention_norm(x_BTD), rotary, cache))
            return x_BTD + self._drop(self.feed_forward(self.feed_forward_norm(x_BTD)))
        x_BTD = self.attention_norm(x_BTD + self._drop(self.attention(x_BTD, rotary, cache)))
        return self.feed_forward_norm(x_BTD + self._drop(self.feed_forward(x_BTD)))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, training=self.training)


@final
class Decoder(nn.Module):
    """Token ids to next-token logits: `ids_BT -> logits_BTV`, for T up to the context.

    `reader` stands in for the token table: a module that gives x_BTD of ids_BT, from a position
    `start` on, and never looks beyond a position. The head is then untied. Its parameters have the
    roles that their modules' kinds say; a parameter of the reader itself is a table.
    """

    position_table_TD: Tensor

    def __init__(
        self, config: DecoderConfig, *, vocab_size: int, reader: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.reader = reader
        if reader is None:
            self.tokens = nn.Embedding(vocab_size, config.width)
        if config.positions == "learned":
            self.positions = nn.Embedding(config.context, config.width)
        elif config.positions == "sinusoidal":
            table_TD = sinusoidal_table(config.context, config.width)
            self.register_buffer("position_table_TD", table_TD, persistent=False)
        else:
            self.rotary = Rotary(config.context, config.width // config.heads)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        # Post-norm blocks end in a norm of their own.
        self.final_norm = (
            build_norm(config.norm, config.width, bias=config.bias)
            if config.norm_placement == "pre"
            else nn.Identity()
        )
        if config.head == "untied":
            self.head = nn.Linear(config.width, vocab_size, bias=False)
        self._initialise()

    def forward(self, ids_BT: Tensor) -> Tensor:
        x_BTD = self._embed(ids_BT, start=0)
        rotary = self._rotary_tables(start=0, x_BTD=x_BTD)
        for block in self.blocks:
            x_BTD = block(x_BTD, rotary)
        return self._logits(x_BTD)

    def extend(self, ids_1T: Tensor, caches: Sequence[LayerCache]) -> Tensor:
        """Logits_V after the last of these tokens; the caches, one a layer, hold the first of them.

        Either the caches are empty or all but one token are in them.
        """
        start = caches[0].length
        x_1TD = self._embed(ids_1T, start=start)
        rotary = self._rotary_tables(start=start, x_BTD=x_1TD)
        for block, cache in zip(self.blocks, caches, strict=True):
            x_1TD = block(x_1TD, rotary, cache)
        return self._logits(x_1TD[:, -1:])[0, 0]

    def new_caches(self) -> list[LayerCache]:
        """Empty caches for one sequence, one a layer."""
        config, like = self.config, next(self.blocks.parameters())
        head_width = config.width // config.heads
        return [LayerCache(config.context, config.heads, head_width, like) for _ in self.blocks]

    def roles(self) -> dict[str, Role]:
        """The role of every parameter by its name; hidden linear weights are the matrices."""
        roles = parameter_roles(self, heads=("head",))
        if self.reader is not None:
            own = self.reader.named_parameters(recurse=False)
            roles |= {f"reader.{name}": "embedding" for name, _ in own}
        return roles

    def _embed(self, ids_BT: Tensor, *, start: int) -> Tensor:
        """Token vectors plus position vectors, scaled so that a small table fills the stream."""
        stop = ids_BT.shape[1]
        scale = math.sqrt(self.config.width)
        learned = self.config.positions == "learned"
        if self.reader is None:
            x_BTD = self.tokens(ids_BT[:, start:])
            x_BTD = (x_BTD + self.positions.weight[start:stop] if learned else x_BTD) * scale
        else:
            x_BTD = self.reader(ids_BT, start=start)
            x_BTD = x_BTD + self.positions.weight[start:stop] * scale if learned else x_BTD
        if self.config.positions == "sinusoidal":
            x_BTD = x_BTD + self.position_table_TD[start:stop]
        return dropout(x_BTD, self.config.dropout, training=self.training)

    def _rotary_tables(self, *, start: int, x_BTD: Tensor) -> RotaryTables | None:
        if self.config.positions != "rotary":
            return None
        return self.rotary.tables(start, x_BTD.shape[1], x_BTD.dtype)

    def _logits(self, x_BTD: Tensor) -> Tensor:
        weight_VD = self.tokens.weight if self.config.head == "tied" else self.head.weight
        return F.linear(self.final_norm(x_BTD), weight_VD)

    @torch.no_grad()
    def _initialise(self) -> None:
        """Fresh weights, with a first loss of ln V whatever the options.

        Tables are multiplied by sqrt(D) on their way in, so untied tables start at unit variance
        in the stream. A tied table is small, since the last token's own vector reaches the head.
        """
        config = self.config
        tied = config.head == "tied"
        table_std = TIED_STD_TIMES_WIDTH / config.width if tied else config.width**-0.5
        outward_std = INIT_STD / math.sqrt(2 * config.layers)
        if self.reader is None:
            nn.init.normal_(self.tokens.weight, std=table_std)
        if config.positions == "learned":
            nn.init.normal_(self.positions.weight, std=table_std)
        elif config.positions == "sinusoidal":
            # Sinusoids start as large as the token vectors, or they would hide them.
            self.position_table_TD.mul_(math.sqrt(2 * config.width) * table_std)
        for block in self.blocks:
            assert isinstance(block, Block)
            for inward in (block.attention.inward, block.feed_forward.inward):
                nn.init.normal_(inward.weight, std=INIT_STD)
            for outward in (block.attention.outward, block.feed_forward.outward):
                zero = config.output_init == "zero"
                nn.init.normal_(outward.weight, std=0.0 if zero else outward_std)
                if outward.bias is not None:
                    nn.init.zeros_(outward.bias)
        if not tied:
            zero = config.output_init == "zero"
            nn.init.normal_(self.head.weight, std=0.0 if zero else 1.0 / config.width)


@final
class DecoderWriter:
    """Writes one text through a key-value cache, equal to the uncached pass over the same window.

    Rule of the window: a prompt longer than the context keeps its last `context` tokens. When the
    cache is full, the last half of the context stays, is read again from position 0, and writing
    goes on; so each token costs one step on average and sees at least half a context.
    """

    def __init__(self, model: Decoder, *, eos_id: int | None) -> None:
        self.model = model
        self.eos_id = eos_id
        self.window: list[int] = []
        """The tokens the next logits depend on."""
        self.caches = model.new_caches()

    def prefill(self, ids: Sequence[int]) -> Tensor:
        """Start afresh; an empty prompt is replaced by the end-of-text token."""
        prompt = [int(token_id) for token_id in ids]
        if not prompt:
            if self.eos_id is None:
                raise TextError(
                    "expected a prompt of at least one token, found an empty one and a tokenizer "
                    "without an end-of-text token to start from: give a prompt"
                )
            prompt = [self.eos_id]
        return self._read(prompt[-self.model.config.context :])

    def step(self, token_id: int) -> Tensor:
        """Append a token to the window, which slides first if it is full."""
        context = self.model.config.context
        if len(self.window) == context:
            kept = self.window[context - context // 2 :]
            return self._read([*kept, int(token_id)])
        self.window.append(int(token_id))
        return self._extend()

    def _read(self, ids: list[int]) -> Tensor:
        self.model.eval()
        self.window = ids
        for cache in self.caches:
            cache.length = 0
        return self._extend()

    @torch.inference_mode()
    def _extend(self) -> Tensor:
        device = self.caches[0].keys_1HTK.device
        ids_1T = torch.tensor([self.window], dtype=torch.int64, device=device)
        return self.model.extend(ids_1T, self.caches).float()


@final
class DecoderFamily:
    """What the rest of the house needs to know of decoders."""

    name: ClassVar[str] = "decoder"
    summary: ClassVar[str] = "GPT-style transformer that predicts the next token"
    config_type: ClassVar[type] = DecoderConfig
    can: ClassVar[frozenset[Capability]] = frozenset({"generate", "score", "chat"})

    def window(self, config: DecoderConfig) -> Window:
        """As many inputs as the context holds, each predicting the next token."""
        return Window(length=config.context)

    def build(self, config: DecoderConfig, *, vocab_size: int) -> Decoder:
        """A decoder with fresh weights, drawn from torch's generator."""
        return Decoder(config, vocab_size=vocab_size)

    def phases(self, model: Decoder, config: DecoderConfig) -> tuple[Phase, ...]:
        """One phase: the likelihood of the next token."""
        loss = partial(next_token_loss, smoothing=config.label_smoothing)
        return (Phase(name="likelihood", module=model, loss=loss, roles=model.roles()),)

    def writer(
        self,
        model: Decoder,
        *,
        eos_id: int | None,
        seed: int = 0,
        style_seed: int | None = None,
    ) -> DecoderWriter:
        """A writer with its own cache."""
        return DecoderWriter(model, eos_id=eos_id)

    def figures(self, model: Decoder, ids_BT: Tensor) -> Mapping[str, float]:
        """None."""
        return {}


DECODER = DecoderFamily()
