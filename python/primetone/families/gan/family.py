"""What the rest of the house needs to know of the gan family.

Letters: N sentences, S positions, E channels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from primetone.contracts import Capability, Phase, Window, Writer
from primetone.errors import ConfigError
from primetone.families.gan.config import GanConfig
from primetone.families.gan.game import Game, Gan, is_word, sentence_nats
from primetone.families.gan.generator import Reading, sample
from primetone.families.gan.noise import Noise
from primetone.nn.layers import parameter_roles

SENTENCES_AT_ONCE = 256


@final
class GanWriter:
    """Writes one sentence, which ends at the model's length at the latest."""

    def __init__(self, model: Gan, noise: Noise, *, eos_id: int) -> None:
        self.model = model
        self.noise = noise
        self.eos_id = eos_id
        self.reading = Reading(model.generator, noise)

    @torch.no_grad()
    def prefill(self, ids: Sequence[int]) -> Tensor:
        """Start afresh with the first words of a sentence, perhaps none."""
        self.model.eval()
        self.reading = Reading(self.model.generator, self.noise)
        logits_V = self._read(None)
        for token_id in ids:
            logits_V = self.step(token_id)
        return logits_V

    @torch.no_grad()
    def step(self, token_id: int) -> Tensor:
        """Append a word; where there is no room for another the end follows."""
        if self.reading.place >= self.model.config.length:
            device = self.noise.style_NSE.device
            logits_V = torch.full((self.model.generator.head.out_features,), -torch.inf)
            logits_V[self.eos_id] = 0.0
            return logits_V.to(device)
        return self._read(torch.tensor([token_id], device=self.noise.style_NSE.device))

    def _read(self, last_1: Tensor | None) -> Tensor:
        return self.reading.logits(last_1)[0].float()


@final
class GanFamily:
    """Sentences from noise, learned by likelihood and against a critic."""

    name: ClassVar[str] = "gan"
    summary: ClassVar[str] = "sentences from noise, learned by likelihood and against a critic"
    config_type: ClassVar[type] = GanConfig
    can: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def window(self, config: GanConfig) -> Window:
        """Whole sentences."""
        return Window(length=config.length, shift=0, cut="documents")

    def build(self, config: GanConfig, *, vocab_size: int) -> Gan:
        """A generator and a critic with fresh weights, drawn from torch's generator."""
        if vocab_size < 2:
            raise ConfigError(f"expected a vocabulary of at least 2 tokens, found {vocab_size}")
        return Gan(config, vocab_size=vocab_size)

    def phases(self, model: nn.Module, config: GanConfig) -> tuple[Phase, ...]:
        """Likelihood alone, the critic alone, then both in turn."""
        assert isinstance(model, Gan)
        game = Game(model)
        met, ready = config.likelihood_share, config.likelihood_share + config.critic_share
        generator, critic = model.generator, model.critic
        phases = (
            Phase(
                name="likelihood",
                module=generator,
                loss=game.likelihood,
                roles=parameter_roles(generator, heads=("head",)),
                end=met,
            ),
            Phase(
                name="critic",
                module=critic,
                loss=game.criticise,
                roles=parameter_roles(critic, heads=("sentence_score", "token_score")),
                repeats=config.critic_repeats,
                rate=config.critic_rate,
                begin=met,
            ),
            Phase(
                name="generator",
                module=generator,
                loss=game.generate,
                roles=parameter_roles(generator, heads=("head",)),
                rate=config.generator_rate,
                begin=ready,
            ),
        )
        return tuple(phase for phase in phases if phase.begin < phase.end)

    def writer(
        self,
        model: nn.Module,
        *,
        eos_id: int | None,
        seed: int = 0,
        style_seed: int | None = None,
    ) -> Writer:
        """A writer with noise of its own."""
        assert isinstance(model, Gan)
        if eos_id is None:
            raise ConfigError(
                "a gan needs a token that ends a sentence, and this tokenizer has none: learn it "
                "with one"
            )
        other = None if style_seed is None else torch.Generator().manual_seed(style_seed)
        noise = model.noise(1, torch.Generator().manual_seed(seed), style=other)
        return GanWriter(model, noise, eos_id=eos_id)

    @torch.no_grad()
    def sentences(
        self,
        model: nn.Module,
        *,
        count: int,
        end_id: int,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[list[int]]:
        """The ids of `count` sentences, without their ends; temperature 0 takes the likeliest."""
        assert isinstance(model, Gan)
        source = torch.Generator().manual_seed(seed)
        written: list[list[int]] = []
        while len(written) < count:
            noise = model.noise(min(SENTENCES_AT_ONCE, count - len(written)), source)
            tokens_NS = sample(
                model.generator,
                noise,
                end_id=end_id,
                choose="sample" if temperature else "argmax",
                temperature=temperature or 1.0,
                source=source,
            )
            for row in tokens_NS.tolist():
                written.append(row[: row.index(end_id)] if end_id in row else row)
        return written

    @torch.no_grad()
    def figures(self, model: nn.Module, ids_BT: Tensor) -> Mapping[str, float]:
        """Nats a token of real sentences under one draw of noise, always the same."""
        assert isinstance(model, Gan)
        noise = model.noise(len(ids_BT), torch.Generator().manual_seed(0))
        nats = sentence_nats(model.generator, model.generator(ids_BT, noise), ids_BT)
        return {"nats_per_token": float(nats / is_word(ids_BT, ids_BT[:, -1:]).sum())}


GAN = GanFamily()
