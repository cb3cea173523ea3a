"""The settings of the gan family: a generator, a critic, and how they are set on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from primetone.config import option
from primetone.errors import ConfigError
from primetone.objectives.adversarial import Adversarial, Penalty

NormPlacement: TypeAlias = Literal["skip-norm", "pre"]
"""`skip-norm` x + norm(f(x)), the original's; `pre` x + f(norm(x))."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The shape of a generator; the vocabulary size comes from the tokenizer."""

    width: int = option(64, "channels of a token (E)", minimum=1)
    heads: int = option(4, "attention heads; must divide the width", minimum=1)
    ff_width: int = option(256, "width of the feed-forward layers", minimum=1)
    mapping_layers: int = option(4, "linear maps that the global noise passes (M)", minimum=0)
    mapping_activation: Literal["leaky-relu", "none"] = option(
        "leaky-relu", "between those maps; without one they are a single map"
    )
    noise_blocks: int = option(2, "blocks with noise and cross-attention (B)", minimum=0)
    output_blocks: int = option(1, "blocks without noise (O)", minimum=0)
    noise: Literal["uniform", "normal", "truncated"] = option(
        "normal", "all noise: uniform in -1 to 1, normal, or normal cut at 1.5"
    )
    noise_shape: Literal["positions", "sequence"] = option(
        "positions", "global noise for each position, or one for the sentence"
    )
    token_input: Literal["noise", "last", "start"] = option(
        "noise", "what stands where the next token is to be: noise, the last token, or a fixed row"
    )
    block_noise: Literal["none", "per-token", "shared"] = option(
        "per-token", "noise added in a noise block, its gain learned"
    )
    cross_attention: Literal["add", "mix"] = option(
        "add", "tokens ask the global noise; mix: the noise decides which tokens are mixed"
    )
    sight: Literal["global", "prefix"] = option(
        "global", "how much of the global noise a position sees: all, or up to its own place"
    )
    norm_placement: NormPlacement = option("skip-norm", "where the norms stand")
    feedback: Literal["sample", "argmax"] = option(
        "sample", "how the next token is chosen while training"
    )

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(
                f"heads must divide width, found heads {self.heads} and width {self.width}: set "
                f"width to a multiple of {self.heads}"
            )


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """The shape of a critic."""

    kind: Literal["transformer", "convolution"] = option("transformer", "what reads the sentence")
    width: int = option(64, "channels of a word (E)", minimum=1)
    heads: int = option(4, "attention heads; must divide the inner width", minimum=1)
    ff_width: int = option(256, "width of the feed-forward layers", minimum=1)
    positions: Literal["beside", "added"] = option(
        "beside", "positions in channels of their own (twice the width inside), or added"
    )
    blocks: int = option(2, "blocks before the class token (B)", minimum=0)
    layers: int = option(1, "layers of each block (T)", minimum=1)
    pooling: Literal["none", "average", "max"] = option(
        "none", "how a block before the class token halves the sentence"
    )
    class_blocks: int = option(1, "blocks with the class token (O)", minimum=1)
    scores: Literal["sentence", "both"] = option(
        "both", "one score a sentence, or one for every token besides"
    )
    filters: int = option(64, "filters of each width, 2 to 5 (convolution)", minimum=1)
    dropout: float = option(0.1, "probability of dropping a channel", minimum=0.0, below=1.0)

    def __post_init__(self) -> None:
        if self.inner_width % self.heads:
            raise ConfigError(
                f"heads must divide the inner width, found heads {self.heads} and width "
                f"{self.inner_width}: set width to a multiple of {self.heads}"
            )
        if self.pooling != "none" and self.scores == "both" and self.blocks:
            raise ConfigError(
                "a critic that pools has no row for every token: set pooling to none, or scores "
                "to sentence"
            )

    @property
    def inner_width(self) -> int:
        """Channels of the rows that the blocks see."""
        return 2 * self.width if self.positions == "beside" else self.width


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """Sentences of up to `length` tokens, learned by likelihood, against a critic, or both."""

    length: int = option(20, "tokens of a sentence at most, its end included", minimum=2)
    generator: GeneratorConfig = option(GeneratorConfig(), "the generator")
    critic: CriticConfig = option(CriticConfig(), "the critic")
    objective: Adversarial = option("relativistic", "what critic and generator minimise")
    penalty: Penalty = option("zero-centred", "what keeps the critic smooth")
    penalty_weight: float = option(
        0.1, "lambda of WGAN-GP (10 is usual); gamma of R1 + R2", minimum=0.0
    )
    penalty_every: int = option(
        4, "critic batches from one penalty to the next, whose weight grows as much", minimum=1
    )
    gradient: Literal["soft", "straight-through", "gumbel"] = option(
        "straight-through",
        "what the critic sees of the generator: probabilities; tokens, with the gradient of the "
        "probabilities; or tokens drawn by Gumbel noise, with the gradient of that draw",
    )
    temperature: float = option(1.0, "of the probabilities that carry the gradient", above=0.0)
    generator_writes: bool = option(
        False,
        "the generator writes new sentences for its turn; if not it learns from those that the "
        "critic has just read",
    )
    critic_repeats: int = option(1, "critic steps for every generator step", minimum=1)
    anchor: float = option(0.5, "weight of the likelihood in the generator's steps", minimum=0.0)
    anchor_every: int = option(
        1,
        "generator batches from one likelihood to the next, whose weight grows as much",
        minimum=1,
    )
    likelihood_share: float = option(
        0.6,
        "share of training that is likelihood alone, before the critic",
        minimum=0.0,
        maximum=1.0,
    )
    critic_share: float = option(
        0.1, "share after that in which the critic learns alone", minimum=0.0, maximum=1.0
    )
    critic_rate: float = option(0.1, "the critic's learning rate over the recipe's", above=0.0)
    generator_rate: float = option(
        0.05, "the generator's learning rate against the critic over the recipe's", above=0.0
    )

    def __post_init__(self) -> None:
        if self.likelihood_share + self.critic_share > 1.0:
            raise ConfigError(
                "likelihood_share and critic_share: expected a sum of at most 1, found "
                f"{self.likelihood_share} and {self.critic_share}"
            )
