"""The trial of an adversarial step that ours stands beside, in plain torch from its description.

A generator by the original's steps (mapping, noise blocks, output blocks) in its two-stream form, a
transformer as critic with a score for the sentence and one for each token, relativistic losses,
R1 + R2 one step in four, straight-through words and half a likelihood. Every part of a step does
its own work: critic and generator each have sentences written, the likelihood has a pass of its
own, soft words are rows of the vocabulary's width. The sampler keeps keys and values, those of the
style, too. Attention is written out, for the penalty is a gradient of a gradient.

Letters: N sentences, S positions, R rows, E channels, V vocabulary.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PENALTY_EVERY = 4


def positions(length: int, width: int) -> Tensor:
    """Sines and cosines, as the textbook has them."""
    angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


class Attention(nn.Module):
    """Queries from one sequence, keys and values from another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """Channels of heads."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """From x to keys and values that are there already."""
        query = self.split(self.query(x))
        scores = query @ keys.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        mixed = scores.softmax(-1) @ values
        return self.out(mixed.transpose(1, 2).reshape(*x.shape[:2], -1))

    def forward(self, x: Tensor, other: Tensor, mask: Tensor | None = None) -> Tensor:
        keys, values = self.split(self.key(other)), self.split(self.value(other))
        return self.attend(x, keys, values, mask)


class FeedForward(nn.Sequential):
    """Wider, GELU, back."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class GeneratorBlock(nn.Module):
    """Self-attention, noise and cross-attention where it is noisy, feed-forward."""

    def __init__(self, width: int, heads: int, inner: int, *, is_noisy: bool) -> None:
        super().__init__()
        self.is_noisy = is_noisy
        self.attention, self.norm1 = Attention(width, heads), nn.LayerNorm(width)
        if is_noisy:
            self.gain = nn.Parameter(torch.full((width,), 0.1))
            self.cross, self.norm2 = Attention(width, heads), nn.LayerNorm(width)
        self.feed_forward, self.norm3 = FeedForward(width, inner), nn.LayerNorm(width)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None, mask: Tensor) -> Tensor:
        x = x + self.norm1(self.attention(x, x, mask))
        if self.is_noisy:
            x = x + self.gain * noise
            x = x + self.norm2(self.cross(x, style))
        return x + self.norm3(self.feed_forward(x))


class Generator(nn.Module):
    """The two-stream pass, and the sampler with what it remembers."""

    def __init__(self, vocab: int, length: int) -> None:
        super().__init__()
        width, heads, inner = 64, 4, 256
        self.length, self.width = length, width
        self.tokens = nn.Embedding(vocab, width)
        self.mapping = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.blocks = nn.ModuleList(
            GeneratorBlock(width, heads, inner, is_noisy=is_noisy)
            for is_noisy in (True, True, False)
        )
        self.head = nn.Linear(width, vocab)
        self.register_buffer("places", positions(length, width))

    def style(self, noise: Tensor) -> Tensor:
        """The mapping network."""
        x = F.rms_norm(noise, noise.shape[-1:])
        for linear in self.mapping:
            x = F.leaky_relu(linear(x), 0.2)
        return x

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Global noise, rows of words to be, noise of the two noise blocks."""
        S, E = self.length, self.width
        return (
            torch.randn(count, S, E),
            torch.randn(count, S, E),
            torch.randn(2, count, 2, S, E),
        )

    def forward(self, tokens: Tensor, noise: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Logits of every place, given the words before it."""
        S = tokens.shape[1]
        content = self.tokens(tokens[:, :-1]) + self.places[: S - 1]
        x = torch.cat((content, noise[1] + self.places), dim=1)
        place = torch.cat((torch.arange(S - 1), torch.arange(S)))
        is_query = torch.arange(2 * S - 1) >= S - 1
        mask = (place[None] < place[:, None]) & ~is_query[None]
        mask = mask | torch.eye(2 * S - 1, dtype=torch.bool)
        style = self.style(noise[0])
        for number, block in enumerate(self.blocks):
            added = None
            if block.is_noisy:
                streams = noise[2][number]
                added = torch.cat((streams[:, 0, : S - 1], streams[:, 1]), dim=1)
            x = block(x, style, added, mask)
        return self.head(x[:, S - 1 :])

    @torch.no_grad()
    def sample(self, noise: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Words drawn one after the other, two rows a word."""
        S = self.length
        style = self.style(noise[0])
        remembered: list[tuple[Tensor, Tensor] | None] = [None] * len(self.blocks)
        styles = [
            (b.cross.split(b.cross.key(style)), b.cross.split(b.cross.value(style)))
            if b.is_noisy
            else None
            for b in self.blocks
        ]
        words: list[Tensor] = []
        for place in range(S):
            x = (noise[1][:, place] + self.places[place])[:, None]
            if words:
                last = self.tokens(words[-1]) + self.places[place - 1]
                x = torch.cat((last[:, None], x), dim=1)
            mask = torch.ones(x.shape[1], place + 1, dtype=torch.bool)
            mask[:-1, -1] = False
            for number, block in enumerate(self.blocks):
                attention = block.attention
                keys = attention.split(attention.key(x))
                values = attention.split(attention.value(x))
                if remembered[number] is not None:
                    keys = torch.cat((remembered[number][0], keys), dim=2)
                    values = torch.cat((remembered[number][1], values), dim=2)
                remembered[number] = (keys[:, :, :-1], values[:, :, :-1])
                x = x + block.norm1(attention.attend(x, keys, values, mask))
                if block.is_noisy:
                    streams = noise[2][number]
                    added = streams[:, 1, place][:, None]
                    if words:
                        added = torch.cat((streams[:, 0, place - 1][:, None], added), dim=1)
                    x = x + block.gain * added
                    x = x + block.norm2(block.cross.attend(x, *styles[number], None))
                x = x + block.norm3(block.feed_forward(x))
            chances = self.head(x[:, -1]).softmax(-1)
            words.append(torch.multinomial(chances, 1)[:, 0])
        return torch.stack(words, dim=1)


class CriticLayer(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, width: int, heads: int, inner: int, share: float) -> None:
        super().__init__()
        self.attention, self.norm1 = Attention(width, heads), nn.LayerNorm(width)
        self.feed_forward, self.norm2 = FeedForward(width, inner), nn.LayerNorm(width)
        self.dropout = nn.Dropout(share)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.dropout(self.attention(normed, normed, mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class Critic(nn.Module):
    """A score of the sentence at a class token, and the mean of its tokens' scores."""

    def __init__(self, vocab: int, length: int) -> None:
        super().__init__()
        width, inner = 64, 256
        self.words = nn.Embedding(vocab, width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 2 * width))
        self.blocks, self.class_blocks = (
            nn.ModuleList(CriticLayer(2 * width, 4, inner, 0.1) for _ in range(count))
            for count in (2, 1)
        )
        self.norm = nn.LayerNorm(2 * width)
        self.sentence_score, self.token_score = nn.Linear(2 * width, 1), nn.Linear(2 * width, 1)
        self.register_buffer("places", positions(length, width))

    def forward(self, rows: Tensor, is_word: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat((rows, self.places.expand_as(rows)), dim=-1)
        for layer in self.blocks:
            x = layer(x, is_word[:, None, None])
        x = torch.cat((self.class_token.expand(len(x), 1, -1), x), dim=1)
        for layer in self.class_blocks:
            x = layer(x, F.pad(is_word, (1, 0), value=True)[:, None, None])
        x = self.norm(x)
        share = is_word / is_word.sum(1, keepdim=True)
        return self.sentence_score(x[:, 0])[:, 0], (self.token_score(x[:, 1:])[..., 0] * share).sum(
            1
        )


def until_end(tokens: Tensor, end: int) -> Tensor:
    """Where a sentence is, its first end with it."""
    ends = (tokens == end).long()
    return ends.cumsum(1) - ends == 0


class Trial:
    """Critic and generator step in turn, each with an Adam of its own."""

    def __init__(self, vocab: int, length: int, end: int) -> None:
        self.generator, self.critic = Generator(vocab, length), Critic(vocab, length)
        self.end = end
        self.for_generator, self.for_critic = (
            torch.optim.Adam(part.parameters(), lr=rate, betas=(0.0, 0.99))
            for part, rate in ((self.generator, 1e-4), (self.critic, 2e-4))
        )
        self.steps_done = 0

    def critic_step(self, real: Tensor) -> None:
        """Real above fake, and R1 + R2 in its turn."""
        table = self.critic.words.weight
        fake = self.generator.sample(self.generator.draw(len(real)))
        both = torch.cat((real, fake))
        rows = self.critic.words(both)
        scores = self.critic(rows, until_end(both, self.end))
        loss = sum(F.softplus(fakes - reals).mean() for reals, fakes in map(halves, scores))
        if self.steps_done % PENALTY_EVERY == 0:
            total = torch.stack(scores).sum()
            (slopes,) = torch.autograd.grad(total, rows, create_graph=True)
            squared = ((slopes @ (table.T @ table)) * slopes).sum((1, 2))
            loss = loss + PENALTY_EVERY * 0.5 * squared.mean()
        self.for_critic.zero_grad()
        loss.backward()
        self.for_critic.step()

    def generator_step(self, real: Tensor) -> None:
        """Fake above real, and half the likelihood of real sentences."""
        noise = self.generator.draw(len(real))
        fake = self.generator.sample(noise)
        chances = self.generator(fake, noise).softmax(-1)
        words = until_end(fake, self.end)
        soft = chances @ self.critic.words.weight
        exact = self.critic.words(fake)
        rows = torch.where(words[..., None], exact + soft - soft.detach(), exact)
        fakes = self.critic(rows, words)
        with torch.no_grad():
            reals = self.critic(self.critic.words(real), until_end(real, self.end))
        loss = sum(F.softplus(r - f).mean() for r, f in zip(reals, fakes, strict=True))
        logits = self.generator(real, self.generator.draw(len(real)))
        surprise = F.cross_entropy(logits.flatten(0, 1), real.flatten(), reduction="none")
        is_real = until_end(real, self.end).flatten()
        loss = loss + 0.5 * (surprise * is_real).sum() / is_real.sum()
        self.for_generator.zero_grad()
        loss.backward()
        self.for_generator.step()

    def step(self, first: Tensor, second: Tensor) -> None:
        """One of each, on batches of their own."""
        self.critic_step(first)
        self.generator_step(second)
        self.steps_done += 1


def halves(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Those of real sentences and of written ones."""
    real, fake = scores.chunk(2)
    return real, fake
