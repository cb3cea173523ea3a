"""Byte n-grams against a slow and obvious twin, and against the figures on record."""

from __future__ import annotations

import json
import math
import time
from collections import Counter, defaultdict

import numpy as np
import pytest

from primetone.errors import ConfigError, TextError
from primetone.evaluation.baselines import (
    kneser_ney_bits_per_byte,
    measure_baselines,
    ngram_bits_per_byte,
    ppm_bits_per_byte,
    xz_bits_per_byte,
)
from primetone.evaluation.report import Evaluation


def slow_bits_per_byte(train: bytes, validation: bytes, order: int) -> float:
    """Interpolated Witten-Bell as the formula says it, one position at a time."""
    counts: Counter[bytes] = Counter()
    followers: defaultdict[bytes, set[int]] = defaultdict(set)
    totals: Counter[bytes] = Counter()
    for length in range(order):
        for end in range(length, len(train)):
            history = train[end - length : end]
            counts[train[end - length : end + 1]] += 1
            followers[history].add(train[end])
            totals[history] += 1

    def probability(history: bytes, byte: int) -> float:
        lower = probability(history[1:], byte) if history else 1 / 256
        if not totals[history]:
            return lower
        types = len(followers[history])
        count = counts[history + bytes([byte])]
        return (count + types * lower) / (totals[history] + types)

    bits = 0.0
    for end, byte in enumerate(validation):
        bits -= math.log2(probability(validation[max(0, end - order + 1) : end], byte))
    return bits / len(validation)


def slow_kneser_ney(train: bytes, validation: bytes, order: int) -> float:
    """Interpolated Kneser-Ney as the formula says it, one position at a time."""
    grams: dict[int, Counter[bytes]] = {
        length: Counter(train[at : at + length] for at in range(len(train) - length + 1))
        for length in range(1, order + 2)
    }
    for length in range(1, order):
        grams[length] = Counter(longer[1:] for longer in grams[length + 1])

    def probability(history: bytes, byte: int) -> float:
        counts = grams[len(history) + 1]
        lower = probability(history[1:], byte) if history else 1 / 256
        followers = [count for gram, count in counts.items() if gram[:-1] == history]
        if not followers:
            return lower
        once, twice = (sum(count == some for count in counts.values()) for some in (1, 2))
        taken = once / (once + 2 * twice) if once else 0.5
        seen = max(counts[history + bytes([byte])] - taken, 0)
        return (seen + taken * len(followers) * lower) / sum(followers)

    bits = 0.0
    for end, byte in enumerate(validation):
        bits -= math.log2(probability(validation[max(0, end - order + 1) : end], byte))
    return bits / len(validation)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [1, 2, 4])
def test_kneser_ney_equals_its_slow_twin(seed: int, order: int) -> None:
    chance = np.random.default_rng(seed)
    alphabet = [2, 5, 26, 256][seed]
    train = chance.integers(0, alphabet, 300, dtype=np.uint8).tobytes()
    validation = chance.integers(0, alphabet, 80, dtype=np.uint8).tobytes() + train[:40]
    found = kneser_ney_bits_per_byte(train, validation, order=order)
    assert found == pytest.approx(slow_kneser_ney(train, validation, order), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_slow_twin(seed: int) -> None:
    chance = np.random.default_rng(seed)
    alphabet = [2, 5, 26, 256][seed]
    train = chance.integers(0, alphabet, 300, dtype=np.uint8).tobytes()
    validation = chance.integers(0, alphabet, 80, dtype=np.uint8).tobytes() + train[:40]
    result = ngram_bits_per_byte(train, validation, max_order=8)
    for order, bits in result.bits_per_byte.items():
        assert bits == pytest.approx(slow_bits_per_byte(train, validation, order), rel=1e-12)


@pytest.mark.parametrize("train", [b"a", b"ab", bytes(10)])
def test_texts_shorter_than_the_order(train: bytes) -> None:
    result = ngram_bits_per_byte(train, b"ba", max_order=5)
    for order, bits in result.bits_per_byte.items():
        assert bits == pytest.approx(slow_bits_per_byte(train, b"ba", order), rel=1e-12)


def test_probabilities_sum_to_one() -> None:
    train = b"abracadabra, abracadabra"
    for history in (b"", b"abra", b"zz", b"cad"):
        nats = [
            ngram_bits_per_byte(train, history + bytes([byte]), max_order=4).bits_per_byte[4]
            * (len(history) + 1)
            for byte in range(256)
        ]
        before = 0.0
        if history:
            before = ngram_bits_per_byte(train, history, max_order=4).bits_per_byte[4]
            before *= len(history)
        assert sum(2 ** -(bits - before) for bits in nats) == pytest.approx(1.0)


def test_figures_on_record(tinyshakespeare: bytes) -> None:
    cut = int(len(tinyshakespeare) * 0.9)
    start = time.perf_counter()
    baselines = measure_baselines(tinyshakespeare[:cut], tinyshakespeare[cut:], max_order=7)
    seconds = time.perf_counter() - start
    recorded = [3.347, 2.486, 2.049, 1.774, 1.669, 1.698, 1.779]
    for order, nats in enumerate(recorded, start=1):
        found = baselines.bits_per_byte[f"ngram_{order}"] * math.log(2)
        assert found == pytest.approx(nats, abs=0.00051)
    assert baselines.bits_per_byte["ngram_best"] == baselines.bits_per_byte["ngram_5"]
    assert baselines.bits_per_byte["xz"] == pytest.approx(2.518, abs=0.001)
    assert baselines.bits_per_byte["ppm"] == pytest.approx(2.0291, abs=0.0001)
    assert baselines.notes == ()
    assert seconds < 12  # 1.3 s on a quiet core


def test_caps_are_applied_and_said() -> None:
    chance = np.random.default_rng(1)
    text = chance.integers(97, 107, 60_000, dtype=np.uint8).tobytes()
    train, validation = text[:50_000], text[50_000:]
    capped = ngram_bits_per_byte(
        train, validation, max_order=2, max_train_bytes=1000, max_validation_bytes=500
    )
    assert (capped.train_bytes, capped.validation_bytes, capped.is_capped) == (1000, 500, True)
    same = ngram_bits_per_byte(train[-1000:], validation[:500], max_order=2)
    assert same.bits_per_byte == capped.bits_per_byte and not same.is_capped
    long = measure_baselines(bytes(9 << 20), b"ab" * 1000, max_order=1)
    ngrams, compressors = long.notes
    validation_part = "the first 2,000 of 2,000 validation bytes"
    assert ngrams == f"n-grams: the last 8,388,608 of 9,437,184 training bytes, {validation_part}"
    assert compressors == (
        f"compressors: the last 4,194,304 of 9,437,184 training bytes, {validation_part}"
    )


@pytest.mark.parametrize("bits_per_byte", [ppm_bits_per_byte, xz_bits_per_byte])
def test_compressors_find_repetition_and_nothing_in_noise(bits_per_byte) -> None:
    chance = np.random.default_rng(1)
    text = chance.integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    assert bits_per_byte(text, text) < 0.5
    assert bits_per_byte(text[:10_000], text[10_000:]) == pytest.approx(8, abs=0.4)


def test_ppm_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def added(known: bytes, text: bytes, *, order: int, memory_bytes: int) -> int:
        asked.append(memory_bytes)
        return 1

    monkeypatch.setattr("primetone.evaluation.baselines.ppm_added_bytes", added)
    ppm_bits_per_byte(bytes(1 << 27), b"x", max_train_bytes=1 << 27)
    ppm_bits_per_byte(b"x", b"x")
    assert asked == [2**32 - 37, 1 << 20]


def test_best_is_the_lowest_order_of_equals() -> None:
    result = ngram_bits_per_byte(b"a", b"b", max_order=4)
    assert len(set(result.bits_per_byte.values())) == 1
    assert result.best_order == 1 and result.best == result.bits_per_byte[1]


def test_refusals() -> None:
    functions = (ngram_bits_per_byte, ppm_bits_per_byte, xz_bits_per_byte, measure_baselines)
    for function in functions:
        with pytest.raises(TextError, match="the training text is empty"):
            function(b"", b"x")
        with pytest.raises(TextError, match="the validation text is empty"):
            function(b"x", b"")
    for order in (0, 9):
        with pytest.raises(ConfigError, match=f"max_order: expected 1 to 8, found {order}"):
            ngram_bits_per_byte(b"x", b"x", max_order=order)
    for order in (1, 65):
        with pytest.raises(ConfigError, match=f"order: expected 2 to 64, found {order}"):
            ppm_bits_per_byte(b"x", b"x", order=order)


# --- the report ---


def test_report_of_known_numbers() -> None:
    evaluation = Evaluation.of(
        nats=200.0,
        num_tokens=100,
        num_bytes=250,
        num_characters=240,
        baselines={"ngram_1": 4.8, "ngram_2": 1.0, "ngram_best": 1.0, "xz": 2.5},
        notes=("xz: the last 5 bytes",),
    )
    assert evaluation.nats_per_token == 2.0
    assert evaluation.bits_per_byte == pytest.approx(200 / (math.log(2) * 250))
    assert evaluation.perplexity == pytest.approx(math.exp(2))
    assert evaluation.nats_per_character == pytest.approx(200 / 240)
    tree = json.loads(evaluation.to_json())
    assert tree == evaluation.to_dict()
    assert tree["baselines"] == {"ngram_1": 4.8, "ngram_2": 1.0, "ngram_best": 1.0, "xz": 2.5}
    lines = evaluation.table().splitlines()
    ranked = lines[lines.index("bits per byte, best first") + 1 : -1]
    assert [line.split("  ")[1] for line in ranked] == [
        *("2-gram of bytes", "this model", "xz -9e after the training text", "1-gram of bytes"),
    ]
    assert ranked[1].endswith("1.1542  <-")
    assert lines[-1] == "note: xz: the last 5 bytes"


def test_report_of_extremes() -> None:
    hopeless = Evaluation.of(nats=1e6, num_tokens=1, num_bytes=1)
    assert hopeless.perplexity == math.inf and hopeless.to_dict()["perplexity"] is None
    assert "inf" in hopeless.table()
    assert Evaluation.of(nats=float("nan"), num_tokens=1, num_bytes=1).to_json()
    with pytest.raises(TextError, match="0 tokens and 5 bytes"):
        Evaluation.of(nats=1.0, num_tokens=0, num_bytes=5)
