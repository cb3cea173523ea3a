"""The generator: a sentence from noise, word by word, each one cut off from those before it.

The original repeats, for every word, one pass over all words so far with a row of noise behind
them, of which the last row is the next word's. No gradient goes back through the words that were
chosen, so all these passes are one (`forward`): a *content* row for every word, which sees the
words up to itself, and a *query* row for every place, which sees the words before it and itself.
With real words in place of chosen ones the same pass is teacher forcing.

Letters: N sentences, S positions, R rows, E channels, V vocabulary.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.families.gan.config import GeneratorConfig
from primetone.families.gan.layers import Added, Attention, FeedForward, Seen, never_where
from primetone.families.gan.noise import Noise
from primetone.nn import draws
from primetone.nn.positions import sinusoidal_table

FIRST_GAIN = 0.1
"""Of the noise that blocks add, as in StyleGAN learned for each channel."""


@final
class Mapping(nn.Module):
    """Global noise to the style that cross-attention sees, after StyleGAN (arXiv 1812.04948)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width = config.width
        self.maps = nn.ModuleList(nn.Linear(width, width) for _ in range(config.mapping_layers))
        self.is_linear = config.mapping_activation == "none"

    def forward(self, noise_NSE: Tensor) -> Tensor:
        style_NSE = noise_NSE
        if not self.is_linear:
            style_NSE = F.rms_norm(noise_NSE, noise_NSE.shape[-1:])
        for linear in self.maps:
            style_NSE = linear(style_NSE)
            if not self.is_linear:
                style_NSE = F.leaky_relu(style_NSE, 0.2)
        return style_NSE


@final
class Block(nn.Module):
    """Self-attention, in noise blocks noise and cross-attention to the style, feed-forward."""

    def __init__(self, config: GeneratorConfig, *, is_noisy: bool, is_last: bool) -> None:
        super().__init__()
        width, placement = config.width, config.norm_placement
        self.attention = Attention(width, heads=config.heads)
        self.attended = Added(width, placement)
        self.is_noisy = is_noisy
        self.is_mixing = is_noisy and config.cross_attention == "mix"
        # behind the last block words are not looked at: only what mixes needs them up to there
        self.drops_words = is_last and not self.is_mixing
        if is_noisy:
            if config.block_noise != "none":
                self.gain = nn.Parameter(torch.full((width,), FIRST_GAIN))
            self.cross = Attention(width, heads=config.heads)
            self.crossed = Added(width, placement)
        self.feed_forward = FeedForward(width, config.ff_width)
        self.fed = Added(width, placement)

    def forward(
        self, x_NRE: Tensor, view: View, noise_NRE: Tensor | None, memory: Memory | None
    ) -> Tensor:
        """The rows after this block; after the last one those of queries alone, where it can."""
        wanted = view.num_queries if self.drops_words else x_NRE.shape[1]

        def look(x: Tensor) -> Tensor:
            query, seen = self.attention.all_of(x)
            seen = seen if memory is None else memory.recall("self", seen)
            return self.attention(query[:, :, -wanted:], seen, view.added_RC[-wanted:])

        def mix(x: Tensor) -> Tensor:
            seen = self.cross.see(view.styles_NRE, x)
            seen = seen if memory is None else memory.recall("cross", seen)
            return self.cross(self.cross.ask(view.styles_NRE), seen, view.added_RC)

        def ask_style(x: Tensor) -> Tensor:
            make = functools.partial(self.cross.see, view.style_NSE, view.style_NSE)
            style = make() if memory is None else memory.once("style", make)
            added_RS = None if view.added_RS is None else view.added_RS[-wanted:]
            return self.cross(self.cross.ask(x), style, added_RS)

        x_NRE = self.attended(x_NRE, look)
        if self.is_noisy:
            if noise_NRE is not None:
                x_NRE = torch.addcmul(x_NRE, noise_NRE[:, -wanted:], self.gain)
            x_NRE = self.crossed(x_NRE, mix if self.is_mixing else ask_style)
        return self.fed(x_NRE, self.feed_forward)


class View:
    """What every row may see, which is the same in all blocks."""

    def __init__(
        self,
        style_NSE: Tensor,
        rows_RC: Tensor,
        places_R: Tensor,
        *,
        num_queries: int,
        sight: Literal["global", "prefix"],
    ) -> None:
        self.style_NSE = style_NSE
        self.added_RC = never_where(~rows_RC, style_NSE)
        self.places_R = places_R
        self.num_queries = num_queries
        """The last rows, of which words are to be made."""
        self.added_RS: Tensor | None = None
        if sight == "prefix":
            columns_S = torch.arange(style_NSE.shape[1], device=style_NSE.device)
            self.added_RS = never_where(columns_S > places_R[:, None], style_NSE)

    @functools.cached_property
    def styles_NRE(self) -> Tensor:
        """The style at the place of each row."""
        return self.style_NSE[:, self.places_R]


class Memory:
    """Keys and values of the content rows that one block has seen; query rows leave no trace."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._seen: dict[str, Seen] = {}
        self._ends: dict[str, int] = {}

    def recall(self, name: str, new: Seen) -> Seen:
        """All rows, old and new; the last one, a query, gives way to the next content row."""
        if name not in self._seen:
            N, H, _, K = new.keys_NHCK.shape
            self._seen[name] = Seen(*(part.new_empty(N, H, self.length, K) for part in new))
        start = max(0, self._ends.get(name, 0) - 1)
        end = self._ends[name] = start + new.keys_NHCK.shape[2]
        seen = self._seen[name]
        for kept, part in zip(seen, new, strict=True):
            kept[:, :, start:end] = part
        return Seen(*(kept[:, :, :end] for kept in seen))

    def once(self, name: str, make: Callable[[], Seen]) -> Seen:
        """What stays the same for a whole sentence."""
        if name not in self._seen:
            self._seen[name] = make()
        return self._seen[name]


@final
class Generator(nn.Module):
    """Noise, and the words of sentences as far as they are known, to what comes next."""

    positions_SE: Tensor

    def __init__(self, config: GeneratorConfig, *, length: int, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.length = length
        self.tokens = nn.Embedding(vocab_size, config.width)
        if config.token_input != "noise":
            self.start = nn.Parameter(torch.randn(config.width))
        self.mapping = Mapping(config)
        num_blocks = config.noise_blocks + config.output_blocks
        self.blocks = nn.ModuleList(
            Block(config, is_noisy=number < config.noise_blocks, is_last=number == num_blocks - 1)
            for number in range(num_blocks)
        )
        self.norm = nn.LayerNorm(config.width) if config.norm_placement == "pre" else nn.Identity()
        self.head = nn.Linear(config.width, vocab_size)
        self.register_buffer(
            "positions_SE", sinusoidal_table(length, config.width), persistent=False
        )

    def forward(self, tokens_NS: Tensor, noise: Noise) -> Tensor:
        """hidden_NSE of every place, of which `head` makes logits, given the words before it."""
        S = tokens_NS.shape[1]
        places_S = torch.arange(S, device=tokens_NS.device)
        content_NE = self.tokens(tokens_NS[:, :-1]) + self.positions_SE[: S - 1]
        query_NE = self._query_inputs(tokens_NS, noise) + self.positions_SE[:S]
        places_R = torch.cat((places_S[:-1], places_S))
        is_query_R = torch.arange(len(places_R), device=tokens_NS.device) >= S - 1
        earlier_RC = places_R[None, :] < places_R[:, None]
        itself_RC = torch.eye(len(places_R), dtype=torch.bool, device=tokens_NS.device)
        visible_RC = (earlier_RC & ~is_query_R[None, :]) | itself_RC
        x_NRE = torch.cat((content_NE, query_NE), dim=1)
        style_NSE = self.mapping(noise.style_NSE[:, :S])
        view = View(style_NSE, visible_RC, places_R, num_queries=S, sight=self.config.sight)
        streams = noise.blocks_BN2SE[:, :, :, :S]
        for number, block in enumerate(self.blocks):
            rows = None
            if self.has_noise(number):
                rows = torch.cat((streams[number, :, 0, : S - 1], streams[number, :, 1]), dim=1)
            x_NRE = block(x_NRE, view, rows, None)
        hidden: Tensor = self.norm(x_NRE[:, -S:])
        return hidden

    def has_noise(self, number: int) -> bool:
        """Whether noise is added in a block."""
        return number < self.config.noise_blocks and self.config.block_noise != "none"

    def _query_inputs(self, tokens_NS: Tensor, noise: Noise) -> Tensor:
        """What stands at every place, given the words before it."""
        N, S = tokens_NS.shape
        match self.config.token_input:
            case "noise":
                return noise.inputs_NSE[:, :S]
            case "start":
                return self.start.expand(N, S, -1)
            case "last":
                first = self.start.expand(N, 1, -1)
                return torch.cat((first, self.tokens(tokens_NS[:, :-1])), dim=1)


@final
class Reading:
    """A generator on its way through some sentences, one word of each at a time."""

    def __init__(self, generator: Generator, noise: Noise) -> None:
        self.generator = generator
        self.noise = noise
        self.place = 0
        """The next place to be written."""
        self._style_NSE = generator.mapping(noise.style_NSE)
        self._memories = [Memory(noise.style_NSE.shape[1]) for _ in generator.blocks]
        self._last_N: Tensor | None = None

    def logits(self, last_N: Tensor | None) -> Tensor:
        """logits_NV for the next place, after the word `last_N` before it (None at the first)."""
        generator, noise, place = self.generator, self.noise, self.place
        assert (last_N is None) == (place == 0), "every word but none before the first"
        device = noise.style_NSE.device
        places = [place] if last_N is None else [place - 1, place]
        places_R = torch.tensor(places, device=device)
        query_N1E = self._query(last_N) + generator.positions_SE[place]
        x_NRE = query_N1E
        if last_N is not None:
            content_N1E = generator.tokens(last_N)[:, None] + generator.positions_SE[place - 1]
            x_NRE = torch.cat((content_N1E, query_N1E), dim=1)
        visible_RC = torch.ones(len(places), place + 1, dtype=torch.bool, device=device)
        visible_RC[:-1, -1] = False
        sight = generator.config.sight
        view = View(self._style_NSE, visible_RC, places_R, num_queries=1, sight=sight)
        for number, block in enumerate(generator.blocks):
            rows = None
            if generator.has_noise(number):
                both = noise.blocks_BN2SE[number]
                rows = both[:, 1, place : place + 1]
                if last_N is not None:
                    rows = torch.cat((both[:, 0, place - 1 : place], rows), dim=1)
            x_NRE = block(x_NRE, view, rows, self._memories[number])
        self.place += 1
        logits: Tensor = generator.head(generator.norm(x_NRE[:, -1]))
        return logits

    def _query(self, last_N: Tensor | None) -> Tensor:
        generator = self.generator
        match generator.config.token_input:
            case "noise":
                return self.noise.inputs_NSE[:, self.place, None]
            case "last" if last_N is not None:
                return generator.tokens(last_N)[:, None]
            case _:
                return generator.start.expand(len(self.noise.style_NSE), 1, -1)


def draw(probabilities_NV: Tensor, shares_N: Tensor) -> Tensor:
    """One id a row, each with its probability, by one number between 0 and 1 a row.

    `torch.multinomial` takes one for every entry: 64 rows of 2,257 on a CPU, 2.9 ms.
    """
    sums_NV = probabilities_NV.cumsum(-1)
    points_N1 = shares_N[:, None].to(sums_NV) * sums_NV[:, -1:]
    ids_N1 = torch.searchsorted(sums_NV, points_N1, right=True)
    return ids_N1[:, 0].clamp(max=sums_NV.shape[1] - 1)


@torch.no_grad()
def sample(
    generator: Generator,
    noise: Noise,
    *,
    end_id: int,
    choose: Literal["sample", "argmax"],
    temperature: float = 1.0,
    source: torch.Generator | None = None,
) -> Tensor:
    """tokens_NS of whole sentences; after its end a sentence is filled up with `end_id`."""
    N, S = noise.style_NSE.shape[:2]
    reading = Reading(generator, noise)
    tokens_NS = torch.full((N, S), end_id, device=noise.style_NSE.device)
    is_over_N = torch.zeros(N, dtype=torch.bool, device=tokens_NS.device)
    shares_NS = draws.uniform(N, S, generator=source) if choose == "sample" else None
    last_N = None
    for place in range(S):
        logits_NV = reading.logits(last_N).float()
        if shares_NS is None:
            last_N = logits_NV.argmax(-1)
        else:
            logits_NV = logits_NV if temperature == 1.0 else logits_NV / temperature
            last_N = draw(logits_NV.softmax(-1), shares_NS[:, place])
        last_N = last_N.where(~is_over_N, end_id)
        tokens_NS[:, place] = last_N
        is_over_N = is_over_N | (last_N == end_id)
        if bool(is_over_N.all()):
            break
    return tokens_NS
