"""From next-token logits to text: sampling rules, stop strings, a stream of whole characters.

Letters: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from primetone.config import option
from primetone.contracts import Writer
from primetone.errors import ConfigError

LARGEST_SEED = (1 << 64) - 1
"""What torch's generators take."""


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the next token is drawn. Filters apply in the order of the fields; 0 or 1 is off."""

    repetition_penalty: float = option(
        1.0, "divides positive and multiplies negative logits of tokens already seen", above=0.0
    )
    temperature: float = option(
        0.8, "divides the logits; 0 always takes the likeliest token", minimum=0.0
    )
    top_k: int = option(0, "keep only the k likeliest tokens; 0 keeps all", minimum=0)
    top_p: float = option(
        1.0, "keep the likeliest tokens up to this total probability", above=0.0, maximum=1.0
    )
    min_p: float = option(
        0.0,
        "drop tokens below this share of the likeliest one's probability",
        minimum=0.0,
        below=1.0,
    )
    max_tokens: int = option(200, "tokens to write at most", minimum=0)
    seed: int = option(
        0,
        "seed of the sampling; the same seed writes the same text",
        minimum=0,
        maximum=LARGEST_SEED,
    )
    style_seed: int | None = option(
        None,
        "seed of the noise that a whole text has in common (gan); the seed where it is not set",
        minimum=0,
        maximum=LARGEST_SEED,
    )
    stop: tuple[str, ...] = option((), "stop before the first of these strings appears")

    def __post_init__(self) -> None:
        if "" in self.stop:
            raise ConfigError("stop: expected strings that are not empty, found '': remove it")


class StreamDecoder(Protocol):
    """Turns ids into text a token at a time and holds back unfinished characters."""

    def push(self, token_id: int, /) -> str: ...

    def finish(self) -> str: ...


class TextTokenizer(Protocol):
    """What generation needs of a tokenizer."""

    @property
    def eos_id(self) -> int | None: ...

    def encode(self, text: str) -> Iterable[int]: ...

    def stream_decoder(self) -> StreamDecoder: ...


def sampling_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A random generator of its own, so that sampling disturbs nobody else's numbers."""
    return torch.Generator(device=device).manual_seed(seed)


def token_probabilities(logits_V: Tensor, config: SamplingConfig, history: Iterable[int]) -> Tensor:
    """Probabilities_V after every rule of `config`; `history` are the tokens already in the text.

    With temperature 0 the likeliest token has probability 1 (the lowest id among equals).
    """
    logits_V = logits_V.float()
    if config.repetition_penalty != 1.0:
        logits_V = _penalise(logits_V, config.repetition_penalty, history)
    if config.temperature == 0.0:
        return torch.nn.functional.one_hot(logits_V.argmax(), logits_V.numel()).float()
    # With the largest logit at 0, no temperature that float32 can hold gives more than -inf.
    temperature = max(config.temperature, torch.finfo(torch.float32).tiny)
    logits_V = (logits_V - logits_V.max()) / temperature
    if 0 < config.top_k < logits_V.numel():
        kept_ids = logits_V.topk(config.top_k).indices
        kept = torch.full_like(logits_V, -torch.inf)
        logits_V = kept.index_copy(0, kept_ids, logits_V[kept_ids])
    probabilities_V = logits_V.softmax(0)
    if config.top_p < 1.0:
        probabilities_V = _keep_nucleus(probabilities_V, config.top_p)
    if config.min_p > 0.0:
        floor = config.min_p * probabilities_V.max()
        probabilities_V = probabilities_V.where(probabilities_V >= floor, 0.0)
    return probabilities_V / probabilities_V.sum()


def sample_next(
    logits_V: Tensor, config: SamplingConfig, generator: torch.Generator, history: Iterable[int]
) -> int:
    """Draw one token id. Nothing changes but the generator's state."""
    probabilities_V = token_probabilities(logits_V, config, history)
    if config.temperature == 0.0:
        return int(probabilities_V.argmax())
    return int(torch.multinomial(probabilities_V, 1, generator=generator))


def write_tokens(
    writer: Writer, prompt_ids: Sequence[int], config: SamplingConfig, *, eos_id: int | None
) -> Iterator[int]:
    """The tokens after the prompt, until the end-of-text token (not yielded) or `max_tokens`."""
    if config.max_tokens == 0:
        return
    logits_V = writer.prefill(prompt_ids)
    generator = sampling_generator(config.seed, logits_V.device)
    history = [int(token_id) for token_id in prompt_ids]
    for count in range(1, config.max_tokens + 1):
        token_id = sample_next(logits_V, config, generator, history)
        if token_id == eos_id:
            return
        yield token_id
        if count < config.max_tokens:
            history.append(token_id)
            logits_V = writer.step(token_id)


def write_text(
    writer: Writer, tokenizer: TextTokenizer, prompt: str, config: SamplingConfig
) -> Iterator[str]:
    """The text after the prompt, in pieces as they become certain.

    A piece never ends inside a character, and no part of a stop string is ever given out: text
    that may be the beginning of one waits until the next tokens decide.
    """
    prompt_ids = [int(token_id) for token_id in tokenizer.encode(prompt)]
    token_ids = write_tokens(writer, prompt_ids, config, eos_id=tokenizer.eos_id)
    return stop_before(decode_stream(token_ids, tokenizer.stream_decoder), config.stop)


def decode_stream(
    token_ids: Iterable[int], new_decoder: Callable[[], StreamDecoder]
) -> Iterator[str]:
    """Pieces of whole characters; bytes that never form one come out replaced at the end."""
    decoder = new_decoder()
    for token_id in token_ids:
        if piece := decoder.push(token_id):
            yield piece
    if rest := decoder.finish():
        yield rest


def stop_before(pieces: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """The pieces up to the first stop string, without it; later pieces are never asked for."""
    held = ""
    for piece in pieces:
        held += piece
        ends = [at for at in (held.find(text) for text in stop) if at >= 0]
        if ends:
            if before := held[: min(ends)]:
                yield before
            return
        sure = len(held) - _possible_start(held, stop)
        if sure:
            yield held[:sure]
            held = held[sure:]
    if held:
        yield held


def _possible_start(text: str, stop: Sequence[str]) -> int:
    """Length of the longest end of `text` that begins one of the stop strings."""
    longest = max((len(string) for string in stop), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(string.startswith(text[-size:]) for string in stop):
            return size
    return 0


def _penalise(logits_V: Tensor, penalty: float, history: Iterable[int]) -> Tensor:
    """Source: arXiv 1909.05858, section 4.1, with negative logits multiplied."""
    seen = torch.tensor(sorted(set(history)), dtype=torch.int64, device=logits_V.device)
    values = logits_V[seen]
    values = torch.where(values > 0, values / penalty, values * penalty)
    return logits_V.index_copy(0, seen, values)


def _keep_nucleus(probabilities_V: Tensor, top_p: float) -> Tensor:
    """Zero but for the smallest set of likeliest tokens whose total reaches `top_p`.

    Source: arXiv 1904.09751, section 3.1.
    """
    sorted_V, order_V = probabilities_V.sort(descending=True, stable=True)
    before_V = sorted_V.cumsum(0) - sorted_V
    kept_V = sorted_V.where(before_V < top_p, 0.0)
    return torch.zeros_like(probabilities_V).index_copy(0, order_V, kept_V)
