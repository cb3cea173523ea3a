"""The settings of the signal family, those of the original among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from primetone.config import option
from primetone.errors import ConfigError
from primetone.families.decoder import DecoderConfig
from primetone.signals import Atoms, Frequencies, Norm, Numerics, OnCollision, Position, Sampling

Input: TypeAlias = Literal["signal", "learned_atoms", "embedding", "concatenated", "ngrams"]

TRUNK = DecoderConfig(
    context=128, norm="rms-plain", activation="relu2", head="untied", output_init="zero"
)
"""The transformer over positions that the mended mode is trained with, unless told."""


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """How characters become signals; `primetone.signals.SignalBank` says more."""

    samples: int = option(512, "samples of a signal", minimum=1, maximum=65_536)
    atoms: Atoms = option("flat", "what a character's row of samples is")
    tones: int = option(16, "sines in an atom of the kind comb", minimum=1)
    sampling: Sampling = option("periodic", "inclusive is the original's")
    frequencies: Frequencies | None = option(
        None, "of tones; none: primes for prime_tone, spread for spread_tone"
    )
    position: Position = option("roll", "how a row says where its character stands")
    norm: Norm = option("rms", "what a sum is divided by; l2 is the original's")
    numerics: Numerics = option("exact", "classic_f32: the original's order of operations")
    on_collision: OnCollision = option("error", "about atoms that are equal or opposite")
    seed: int = option(0, "of random phases, bins and permutations", minimum=0)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """How a signal becomes soft tokens: mixtures of the rows of a codebook."""

    soft_tokens: int = option(
        8, "soft tokens of a signal; 0 maps the signal to the trunk by one matrix", minimum=0
    )
    codewords: int = option(64, "rows of the codebook", minimum=1)
    token_width: int = option(16, "channels of a row", minimum=1)
    heads: int = option(4, "attention heads among soft tokens; must divide token_width", minimum=1)
    refinements: int = option(0, "attentions among the soft tokens, after the softmax", minimum=0)
    refinement_dropout: tuple[float, ...] = option(
        (0.1, 0.2), "of the refinements, in order; the last for all further ones", below=1.0
    )
    logit_scale: Literal["none", "learned"] = option(
        "learned", "a factor before the softmax that starts at 1"
    )
    projection: Literal["auto", "dense", "gathered"] = option(
        "auto",
        "signal times matrix, or the sum of its rows' products, made once; auto gathers where no "
        "gradient is asked for",
    )
    precision: Literal["auto", "mixed", "float32"] = option(
        "auto",
        "of the encoder while training in bfloat16; auto is float32 for signals of unit length "
        "without a logit scale, whose logits hardly differ",
    )

    def __post_init__(self) -> None:
        if self.soft_tokens and self.token_width % self.heads:
            raise ConfigError(
                f"heads must divide token_width, found heads {self.heads} and token_width "
                f"{self.token_width}: set token_width to a multiple of {self.heads}"
            )
        if self.refinements and not self.refinement_dropout:
            raise ConfigError("refinement_dropout: expected a number at least, found none")


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What follows the soft tokens where each context predicts one character."""

    layers: int = option(2, "transformer layers over the soft tokens", minimum=0)
    ff_width: int = option(2048, "feed-forward width of these layers", minimum=1)
    dropout: float = option(0.1, "in these layers and before the output", minimum=0.0, below=1.0)
    pattern_width: int = option(256, "channels of the pattern", minimum=1)
    pre_decoder: Literal["linear", "attention"] = option(
        "linear", "attention over one pattern is the original's: its queries and keys never learn"
    )


@dataclass(frozen=True, kw_only=True)
class SignalConfig:
    """A model that reads signals; the alphabet comes from the tokenizer."""

    targets: Literal["all", "last"] = option(
        "all", "predict after every character, by a causal trunk, or after a context, the original"
    )
    window: int = option(11, "characters in a signal", minimum=1, maximum=65_536)
    stride: int = option(1, "targets last: characters from one context to the next", minimum=1)
    input: Input = option(
        "signal", "what the model reads; all but signal are there to compare with it (targets all)"
    )
    ngram_rows: int = option(4096, "rows of each hashed table (input ngrams)", minimum=1)
    bank: BankConfig = option(BankConfig(), "the signals")
    encoder: EncoderConfig = option(EncoderConfig(), "from a signal to soft tokens")
    trunk: DecoderConfig = option(TRUNK, "targets all: the transformer over positions")
    head: HeadConfig = option(HeadConfig(), "targets last: from soft tokens to a character")

    def __post_init__(self) -> None:
        if self.targets == "all" and self.trunk.head == "tied":
            raise ConfigError(
                "trunk.head: expected untied (signals have no table to share), found tied: set "
                "model.trunk.head=untied"
            )
        if self.input == "learned_atoms" and self.bank.position != "roll":
            raise ConfigError(
                f"bank.position: expected roll for learned atoms, found {self.bank.position}"
            )
        if self.targets == "last" and self.encoder.soft_tokens == 0:
            raise ConfigError(
                "encoder.soft_tokens: expected at least 1 where targets is last, found 0"
            )
        if self.targets == "last" and self.input != "signal":
            raise ConfigError(
                f"input: expected signal where targets is last, found {self.input}: set "
                "model.targets=all"
            )
