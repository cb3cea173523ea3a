"""Sampling rules one by one, and a text stream without half characters or parts of stops."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

import pytest
import torch

from primetone.config import decode
from primetone.errors import ConfigError
from primetone.generation import (
    SamplingConfig,
    decode_stream,
    sample_next,
    sampling_generator,
    stop_before,
    token_probabilities,
    write_text,
    write_tokens,
)

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def probabilities(history: Sequence[int] = (), **settings: object) -> list[float]:
    config = SamplingConfig(**{"temperature": 1.0, **settings})
    return token_probabilities(LOGITS, config, history).tolist()


class ByteDecoder:
    def __init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        return self.decoder.decode(bytes([token_id]))

    def finish(self) -> str:
        return self.decoder.decode(b"", final=True)


class ByteTokenizer:
    """Bytes as ids, and 256 as the end of text."""

    eos_id = 256

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def stream_decoder(self) -> ByteDecoder:
        return ByteDecoder()


class Recital:
    """A writer that is certain of a given text, whatever the prompt."""

    def __init__(self, text: str | bytes) -> None:
        self.ids = [*(text.encode() if isinstance(text, str) else text), 256]
        self.at = -1

    def prefill(self, ids: Sequence[int]) -> torch.Tensor:
        return self.step(0)

    def step(self, token_id: int) -> torch.Tensor:
        self.at += 1
        return torch.nn.functional.one_hot(torch.tensor(self.ids[self.at]), 257) * 100.0


def test_temperature_divides_the_logits() -> None:
    assert probabilities(temperature=0.5) == pytest.approx((LOGITS / 0.5).softmax(0).tolist())
    assert probabilities(temperature=0.0) == [1.0, 0.0, 0.0, 0.0]
    assert probabilities(temperature=1e-30) == [1.0, 0.0, 0.0, 0.0]


def test_top_k_keeps_k_even_among_equals() -> None:
    kept = LOGITS[:2].softmax(0).tolist()
    assert probabilities(top_k=2) == pytest.approx([*kept, 0.0, 0.0])
    assert probabilities(top_k=99) == pytest.approx(LOGITS.softmax(0).tolist())
    config = SamplingConfig(temperature=1.0, top_k=2)
    assert (token_probabilities(torch.zeros(5), config, ()) > 0).sum() == 2


def test_top_p_keeps_the_smallest_sufficient_set() -> None:
    # 0.644, 0.237, 0.087, 0.032
    assert probabilities(top_p=0.6) == [1.0, 0.0, 0.0, 0.0]
    kept = LOGITS[:2].softmax(0).tolist()
    assert probabilities(top_p=0.7) == pytest.approx([*kept, 0.0, 0.0])
    assert probabilities(top_p=1e-9) == [1.0, 0.0, 0.0, 0.0]


def test_min_p_drops_what_is_small_beside_the_likeliest() -> None:
    kept = LOGITS[:2].softmax(0).tolist()
    assert probabilities(min_p=0.3) == pytest.approx([*kept, 0.0, 0.0])


def test_repetition_penalty_acts_on_both_signs() -> None:
    changed = torch.tensor([1.0, 1.0, 0.0, -2.0])
    found = probabilities([0, 3, 3], repetition_penalty=2.0)
    assert found == pytest.approx(changed.softmax(0).tolist())


def test_sampling_changes_nothing_but_its_generator() -> None:
    logits, before = LOGITS.clone(), torch.get_rng_state()
    config = SamplingConfig(temperature=1.0, top_k=3, top_p=0.9, min_p=0.01, repetition_penalty=1.1)
    sample_next(logits, config, sampling_generator(3), [1])
    assert torch.equal(logits, LOGITS)
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_follow_the_probabilities_and_the_seed() -> None:
    config = SamplingConfig(temperature=1.0)

    def draw(seed: int) -> list[int]:
        generator = sampling_generator(seed)
        return [sample_next(LOGITS, config, generator, ()) for _ in range(2000)]

    first = draw(1)
    assert first == draw(1) != draw(2)
    shares = torch.bincount(torch.tensor(first), minlength=4) / 2000
    torch.testing.assert_close(shares, LOGITS.softmax(0), atol=0.04, rtol=0)


@pytest.mark.parametrize(
    "settings",
    [{"temperature": -1.0}, {"top_p": 0.0}, {"top_k": -1}, {"min_p": 1.0}, {"stop": [""]}],
)
def test_impossible_sampling_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        decode(SamplingConfig, settings, path="generate")


def test_tokens_end_at_the_end_of_text_or_at_the_limit() -> None:
    config = SamplingConfig(temperature=0.0, max_tokens=3)
    assert list(write_tokens(Recital("abcdef"), [1], config, eos_id=256)) == [97, 98, 99]
    assert list(write_tokens(Recital("ab"), [1], config, eos_id=256)) == [97, 98]
    none = SamplingConfig(max_tokens=0)
    assert list(write_tokens(Recital("ab"), [1], none, eos_id=256)) == []


def test_a_stream_never_splits_a_character() -> None:
    text = "h\u00e9 \u20ac \U0001f600!"
    pieces = list(write_text(Recital(text), ByteTokenizer(), "x", SamplingConfig(temperature=0.0)))
    assert "".join(pieces) == text
    assert "\ufffd" not in "".join(pieces)


def test_bytes_that_never_form_a_character_come_out_replaced() -> None:
    assert "".join(decode_stream([104, 0xE2, 0x82], ByteDecoder)) == "h\ufffd"


def test_a_stop_string_across_tokens_is_never_given_out() -> None:
    config = SamplingConfig(temperature=0.0, stop=("STOP", "\n\n"))
    pieces = list(write_text(Recital("one STand STOP two"), ByteTokenizer(), "x", config))
    assert "".join(pieces) == "one STand "
    assert all("STOP".startswith(piece[-1:]) is False or piece[-1] != "S" for piece in pieces[:-1])


def test_text_held_back_for_a_stop_comes_out_when_the_text_ends() -> None:
    assert list(stop_before(["ab", "c ST"], ["STOP"])) == ["ab", "c ", "ST"]
    assert list(stop_before(["abc"], [])) == ["abc"]


def test_the_earliest_stop_wins() -> None:
    assert "".join(stop_before(["xbcab"], ["ab", "bc"])) == "x"


def test_after_a_stop_no_more_tokens_are_asked_for() -> None:
    def pieces():
        yield "a."
        raise AssertionError("asked for more")

    assert list(stop_before(pieces(), ["."])) == ["a"]
