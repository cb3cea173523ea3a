"""A generator and a critic, and the losses by which they are set on each other.

Letters: N sentences, S positions, E channels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Batch, Loss
from primetone.families.gan.config import GanConfig
from primetone.families.gan.critic import Critic, Scores, build_critic
from primetone.families.gan.generator import Generator, sample
from primetone.families.gan.noise import Noise, draw_noise
from primetone.nn import draws
from primetone.objectives.adversarial import (
    Adversarial,
    critic_loss,
    distance_from_one,
    expected_rows,
    generator_loss,
    interpolate,
    squared_gradient_norms,
)


@final
class Gan(nn.Module):
    """A generator and its critic."""

    def __init__(self, config: GanConfig, *, vocab_size: int) -> None:
        super().__init__()
        size = {"length": config.length, "vocab_size": vocab_size}
        self.config = config
        self.generator = Generator(config.generator, **size)
        self.critic: Critic = build_critic(config.critic, **size)

    def noise(
        self,
        sentences: int,
        source: torch.Generator | None = None,
        *,
        style: torch.Generator | None = None,
    ) -> Noise:
        """Noise for so many sentences, as `draw_noise` draws it."""
        return draw_noise(
            self.config.generator,
            sentences=sentences,
            length=self.config.length,
            like=self.generator.head.weight,
            generator=source,
            style=style,
        )


def is_word(tokens_NS: Tensor, end_id: Tensor | int) -> Tensor:
    """Where a sentence is: up to its first end, which belongs to it."""
    ends_NS = (tokens_NS == end_id).long()
    return ends_NS.cumsum(1) - ends_NS == 0


def sentence_nats(generator: Generator, hidden_NSE: Tensor, tokens_NS: Tensor) -> Tensor:
    """The sum of -log p of all words of these sentences, ends included."""
    counts_NS = is_word(tokens_NS, tokens_NS[:, -1:])
    logits = generator.head(hidden_NSE[counts_NS])
    return F.cross_entropy(logits, tokens_NS[counts_NS], reduction="sum")


@final
class Game:
    """The losses of a generator and a critic that are set on each other.

    The generator is computed in the precision of the run; all that the critic learns from, and the
    sentences that are written word by word, in float32: a penalty is a gradient of a gradient, and
    small products gain nothing by being short. Rows end as the data loader fills them up, so the
    last token of a batch that has room is the end.
    """

    def __init__(self, model: Gan) -> None:
        self.model = model
        self.config = model.config
        self._written: tuple[Noise, Tensor] | None = None
        """What the critic has just read, for the generator's turn in the same step."""

    def likelihood(self, module: nn.Module, batch: Batch) -> Loss:
        """-log p of real sentences, in nats a token, with fresh noise."""
        tokens_NS = batch.inputs_BT
        hidden_NSE = module(tokens_NS, self.model.noise(len(tokens_NS)))
        nats = sentence_nats(self.model.generator, hidden_NSE, tokens_NS)
        return Loss(total=nats, weight=batch.weight)

    def criticise(self, module: nn.Module, batch: Batch) -> Loss:
        """Real above fake, and a slope that stays small."""
        config, table = self.config, self.model.critic.words.weight
        real_NS, end_id = batch.inputs_BT, _end_of(batch)
        with _in_float32(real_NS):
            noise, fake_NS = self._written = self._write(len(real_NS), end_id)
            words_NS = is_word(torch.cat((real_NS, fake_NS)), end_id)
            fake_rows = table[fake_NS]
            if config.gradient == "soft":
                with torch.no_grad():
                    hidden_NSE = self.model.generator(fake_NS, noise)
                fake_rows = self._soft_rows(hidden_NSE, fake_NS, end_id, fake_rows)
            rows_NSE = torch.cat((table[real_NS], fake_rows))
            is_due = config.penalty_weight and draws.chance(1 / config.penalty_every)
            penalised = config.penalty if is_due else "none"
            with draws.repeated(2):
                scores = module(rows_NSE, words_NS)
            real, fake = scores.halves()
            total_N = _over_parts(config.objective, critic_loss, real, fake)
            metrics = {
                "margin": (real.sentence_N - fake.sentence_N).detach(),
                "separated": (real.sentence_N > fake.sentence_N).float(),
            }
            if penalised != "none":
                if penalised == "zero-centred":
                    squared = squared_gradient_norms(scores.total_N(), rows_NSE, table)
                    penalty_N = torch.stack(squared.chunk(2)).sum(0) / 2
                else:
                    real_NSE, fake_NSE = rows_NSE.chunk(2)
                    between_NSE = interpolate(real_NSE, fake_NSE, draws.uniform(len(real_NS)))
                    either_NS = torch.stack(words_NS.chunk(2)).any(0)
                    between = module(between_NSE, either_NS)
                    squared = squared_gradient_norms(between.total_N(), between_NSE, table)
                    penalty_N = distance_from_one(squared)
                total_N = total_N + config.penalty_weight * config.penalty_every * penalty_N
                metrics["penalty"] = penalty_N.detach()
            return _weighed(total_N, batch, metrics)

    def generate(self, module: nn.Module, batch: Batch) -> Loss:
        """Fake above real, and real sentences likely."""
        config, model = self.config, self.model
        real_NS, end_id = batch.inputs_BT, _end_of(batch)
        noise, fake_NS = self._take(len(real_NS), end_id)
        if config.anchor and draws.chance(1 / config.anchor_every):
            other = model.noise(len(real_NS))
            both = Noise(
                torch.cat((noise.style_NSE, other.style_NSE)),
                torch.cat((noise.inputs_NSE, other.inputs_NSE)),
                torch.cat((noise.blocks_BN2SE, other.blocks_BN2SE), dim=1),
            )
            hidden_NSE, known_NSE = module(torch.cat((fake_NS, real_NS)), both).chunk(2)
            anchor = sentence_nats(model.generator, known_NSE, real_NS)
        else:
            hidden_NSE, anchor = module(fake_NS, noise), None
        table = model.critic.words.weight
        rows_NSE = self._soft_rows(hidden_NSE, fake_NS, end_id, table[fake_NS])
        fake = model.critic(rows_NSE, is_word(fake_NS, end_id))
        with torch.no_grad():
            real = model.critic(table[real_NS], is_word(real_NS, end_id))
        total_N = _over_parts(config.objective, generator_loss, real, fake)
        loss = _weighed(total_N, batch, {"adversarial": total_N.detach()})
        if anchor is None:
            return loss
        return Loss(
            total=loss.total + config.anchor * config.anchor_every * anchor,
            weight=batch.weight,
            metrics={**loss.metrics, "nats_per_token": anchor.detach()},
        )

    def _write(self, count: int, end_id: int) -> tuple[Noise, Tensor]:
        """Sentences of the generator as it stands, and the noise they are from."""
        noise = self.model.noise(count)
        choose = self.config.generator.feedback
        with _in_float32(noise.style_NSE):
            return noise, sample(self.model.generator, noise, end_id=end_id, choose=choose)

    def _take(self, count: int, end_id: int) -> tuple[Noise, Tensor]:
        """Sentences for the generator to learn from: those that the critic read, or new ones.

        The generator has not changed since, for the critic has its turn first in every step.
        """
        written, self._written = self._written, None
        if written is None or self.config.generator_writes or len(written[1]) != count:
            return self._write(count, end_id)
        return written

    def _soft_rows(
        self, hidden_NSE: Tensor, fake_NS: Tensor, end_id: int, exact_NSE: Tensor
    ) -> Tensor:
        """What the critic reads of the generator's words; what follows an end is the end."""
        generator, config = self.model.generator, self.config
        table = self.model.critic.words.weight
        words_NS = is_word(fake_NS, end_id)
        hidden_1RE, exact_1RE = hidden_NSE[words_NS][None], exact_NSE[words_NS][None]
        if config.gradient == "gumbel":
            logits_1RV = _at_least_float32(generator.head(hidden_1RE))
            shares_NSV = draws.uniform(*fake_NS.shape, logits_1RV.shape[-1])
            drawn_1RV = logits_1RV + gumbel_given(
                logits_1RV.detach(), fake_NS[words_NS][None], shares_NSV[words_NS][None]
            )
            soft_1RE = (drawn_1RV / config.temperature).softmax(-1) @ table
        else:
            soft_1RE = expected_rows(
                hidden_1RE,
                generator.head.weight,
                generator.head.bias,
                table,
                temperature=config.temperature,
            )
        if config.gradient != "soft":
            soft_1RE = exact_1RE + soft_1RE - soft_1RE.detach()
        return exact_NSE.masked_scatter(words_NS[..., None], soft_1RE.to(exact_NSE.dtype))


def gumbel_given(logits_NSV: Tensor, tokens_NS: Tensor, shares_NSV: Tensor) -> Tensor:
    """Gumbel noise as it is distributed once `logits + noise` is known to be largest at the tokens.

    It is made from `shares_NSV`, numbers between 0 and 1.
    So words that were drawn from the softmax of the logits are the largest of the noisy logits,
    and nothing has to be kept from the drawing. Source: arXiv 2010.04838, section 3.
    """
    exponential_NSV = -shares_NSV.to(logits_NSV).log()
    total_NS1 = logits_NSV.logsumexp(-1, keepdim=True)
    top_NS1 = total_NS1 - exponential_NSV.gather(-1, tokens_NS[..., None]).log()
    # the others are Gumbels below the largest: their exponentials add up to a later arrival
    below_NSV = -torch.logaddexp(exponential_NSV.log() - logits_NSV, -top_NS1)
    noisy_NSV = below_NSV.scatter(-1, tokens_NS[..., None], top_NS1)
    return noisy_NSV - logits_NSV


def _end_of(batch: Batch) -> int:
    """The end-of-text id: every row ends with it."""
    return int(batch.inputs_BT[0, -1])


def _in_float32(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, enabled=False)


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _over_parts(
    kind: Adversarial, loss: Callable[..., Tensor], real: Scores, fake: Scores
) -> Tensor:
    """A loss of scores, summed over those of sentences and of their tokens."""
    pairs = zip(real.parts(), fake.parts(), strict=True)
    return torch.stack([loss(kind, one, other) for one, other in pairs]).sum(0)


def _weighed(total_N: Tensor, batch: Batch, metrics: Mapping[str, Tensor]) -> Loss:
    """Means over the sentences of a step as sums over the tokens that it weighs."""
    scale = batch.row_weight
    return Loss(
        total=total_N.sum() * scale,
        weight=batch.weight,
        metrics={name: value.sum() * scale for name, value in metrics.items()},
    )
