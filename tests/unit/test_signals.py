"""The signal bank against its definition, torch's own formula, and golden values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primetone.errors import ConfigError, UnknownTokenError
from primetone.signals import SignalBank

CHARACTERS, SAMPLES, WINDOW = 61, 512, 11


def classic(num_symbols: int = CHARACTERS, **changes: object) -> SignalBank:
    return SignalBank(num_symbols=num_symbols, num_samples=SAMPLES, **changes)


def primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def torch_table(num_symbols: int) -> torch.Tensor:
    """The original's sines, in its own order of operations."""
    times = torch.linspace(0, 1, SAMPLES)
    rates = 2 * math.pi * torch.tensor(primes(num_symbols), dtype=torch.float32)
    return torch.sin(rates[:, None] * times)


def torch_signals(table: torch.Tensor, ids: np.ndarray) -> torch.Tensor:
    """The original's loop: roll, add, divide."""
    rows = []
    for context in ids:
        sums = torch.zeros(SAMPLES)
        for place, symbol in enumerate(context):
            sums = sums + torch.roll(table[int(symbol)], place)
        rows.append(sums / (sums.norm() + 1e-8))
    return torch.stack(rows)


def contexts(count: int = 40, num_symbols: int = CHARACTERS) -> np.ndarray:
    return np.random.default_rng(1).integers(0, num_symbols, (count, WINDOW)).astype(np.uint8)


def test_classic_float_mode_is_the_original_to_the_last_bit_or_two() -> None:
    times = torch.linspace(0, 1, SAMPLES).numpy()
    bank = classic(97, numerics="classic_f32", times=times, on_collision="ignore")
    table = torch_table(97)
    assert np.abs(bank.atoms() - table.numpy()).max() <= 1.2e-7
    ids = contexts(num_symbols=97)
    assert np.abs(bank.windows(ids) - torch_signals(table, ids).numpy()).max() <= 2e-7
    own = classic(97, numerics="classic_f32", on_collision="ignore")
    assert np.abs(own.atoms() - table.numpy()).max() <= 3e-4, "one ulp of a time, at most"


def test_exact_mode_is_as_near_the_original_as_its_floats_allow() -> None:
    bank = classic(97, on_collision="ignore")
    table = torch_table(97).numpy()
    distance = np.abs(bank.atoms() - table).max(axis=1)
    assert (distance <= 1e-6 * np.array(primes(97))).all()
    ids = contexts(num_symbols=97)
    assert (
        np.abs(bank.windows(ids) - torch_signals(torch.from_numpy(table), ids).numpy()).max() < 3e-5
    )


@pytest.mark.parametrize(("sampling", "period"), [("inclusive", 2047), ("periodic", 2048)])
def test_the_exact_table_is_correctly_rounded(sampling: str, period: int) -> None:
    """All 524,288 samples of the largest usual bank; there are only `period` different sines."""
    mpmath = pytest.importorskip("mpmath")
    bank = SignalBank(
        num_symbols=256, num_samples=2048, sampling=sampling, norm="none", on_collision="ignore"
    )
    sines = np.empty(period, np.float32)
    for step in range(period):
        with mpmath.workdps(40):
            exact = mpmath.sinpi(mpmath.mpf(2 * step) / period)
        with mpmath.workprec(24):  # rounds once, as a 32-bit float does
            sines[step] = float(+exact)
    steps = np.array(primes(256))[:, None] * np.arange(2048) % period
    assert np.array_equal(bank.atoms(), sines[steps])


def test_golden_signal() -> None:
    """The first samples of a fixed context, so that a change of bits is noticed."""
    found = classic().windows(np.arange(WINDOW)[None])[0]
    double = np.zeros(SAMPLES)
    for place, prime in enumerate(primes(WINDOW)):
        phases = (prime * np.arange(SAMPLES)) % (SAMPLES - 1) / (SAMPLES - 1)
        double += np.roll(np.sin(2 * np.pi * phases), place)
    double /= np.linalg.norm(double) + 1e-8
    assert np.abs(found - double).max() < 2e-8
    assert found[[0, 1, 100, 511]].tolist() == pytest.approx(
        double[[0, 1, 100, 511]].tolist(), abs=2e-8
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64])
def test_ids_of_any_type(dtype: type) -> None:
    ids = contexts()
    assert np.array_equal(classic().windows(ids), classic().windows(ids.astype(dtype)))
    assert np.array_equal(
        classic().windows(ids), classic().windows(torch.from_numpy(ids.astype(np.int64)))
    )


def test_formats_and_buffers() -> None:
    bank, ids = classic(norm="rms"), contexts()
    single = bank.windows(ids)
    half = bank.windows(ids, out=np.empty(single.shape, np.float16))
    assert np.array_equal(half, single.astype(np.float16))
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        out = torch.empty(single.shape, dtype=dtype)
        assert bank.windows(ids, out=out) is out
        assert torch.equal(out, torch.from_numpy(single).to(dtype))
    stream = bank.slide(ids.reshape(-1), WINDOW, out=torch.empty(ids.size, SAMPLES))
    assert np.array_equal(stream[WINDOW - 1].numpy(), single[0])


def test_rows_of_ids_are_documents() -> None:
    bank, ids = classic(), contexts(6)
    rows = bank.slide(ids, 5)
    flat = bank.slide(ids.reshape(-1), 5, offsets=np.arange(0, ids.size + 1, WINDOW))
    assert np.array_equal(rows.reshape(-1, SAMPLES), flat)
    assert np.array_equal(rows[:, 1], bank.windows(ids[:, :2], window=5))
    assert bank.slide(np.zeros(0, np.uint8), 5).shape == (0, SAMPLES)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=60),
    st.integers(1, 30),
    st.sampled_from(["roll", "permute", "phase"]),
    st.sampled_from(["prime_tone", "comb", "flat"]),
    st.integers(1, 4),
)
def test_slide_is_windows(
    ids: list[int], window: int, position: str, atoms: str, threads: int
) -> None:
    bank = SignalBank(
        num_symbols=7,
        num_samples=32,
        atoms=atoms,  # type: ignore[arg-type]
        sampling="periodic",
        position=position,  # type: ignore[arg-type]
        tones=5,
        max_window=30,
        norm="rms",
        on_collision="ignore",
    )
    array = np.array(ids, np.uint16)
    found = bank.slide(array, window, threads=threads)
    for at in range(len(ids)):
        context = array[max(0, at + 1 - window) : at + 1]
        assert np.array_equal(found[at], bank.windows(context[None], window=window)[0])


def test_phasors_and_gram_give_norms() -> None:
    bank = SignalBank(num_symbols=9, num_samples=64, sampling="periodic", norm="none")
    ids = contexts(8, 9)
    squares = (bank.windows(ids).astype(np.float64) ** 2).sum(axis=1)
    Z = bank.phasors(ids)
    assert 32 * (np.abs(Z) ** 2).sum(axis=1) == pytest.approx(squares, rel=1e-5)
    gram = bank.gram(WINDOW)
    i, j = np.meshgrid(np.arange(WINDOW), np.arange(WINDOW), indexing="ij")
    from_table = gram[ids[:, i], ids[:, j], WINDOW - 1 + j - i].sum(axis=(1, 2))
    assert from_table == pytest.approx(squares, rel=1e-5)


def test_collisions_are_listed_warned_of_or_refused() -> None:
    assert classic(61).collisions == ()
    bank = classic(97, on_collision="ignore")
    assert bank.collisions == ((0, 96, "negated"),)
    with pytest.warns(UserWarning, match=r"0 and 96 negated; num_samples=1024 would do"):
        classic(97)
    with pytest.raises(ConfigError, match="num_samples=2048 would do"):
        classic(256, on_collision="error")
    mended = classic(97, frequencies="first_collision_free_primes", on_collision="error")
    assert mended.frequencies[-1] == 599
    with pytest.raises(ConfigError, match="num_samples=2048"):
        classic(300, frequencies="first_collision_free_primes")


def test_refusals() -> None:
    bank = classic()
    with pytest.raises(UnknownTokenError, match="found 61 at position 0"):
        bank.windows(np.array([[61]]))
    with pytest.raises(UnknownTokenError):
        bank.windows(np.array([[-1]]))
    with pytest.raises(ConfigError, match="shape"):
        bank.windows(np.zeros((2, 3), np.uint8), out=np.empty((3, SAMPLES), np.float32))
    with pytest.raises(ConfigError, match="contiguous"):
        bank.windows(np.zeros((2, 3), np.uint8), out=np.empty((SAMPLES, 2), np.float32).T)
    with pytest.raises(ConfigError, match="float64"):
        bank.windows(np.zeros((2, 3), np.uint8), out=np.empty((2, SAMPLES)))
    with pytest.raises(ConfigError, match="max_window=300"):
        bank.slide(np.zeros(5, np.uint8), 300)
    with pytest.raises(ConfigError, match="one of"):
        classic(atoms="square")
    with pytest.raises(ConfigError, match="num_symbols"):
        classic(-1)
    assert not bank.windows(np.zeros((2, 0), np.uint8), window=5).any()


def test_small_alphabets_and_long_windows() -> None:
    assert classic(1).windows(np.zeros((1, 3), np.uint8)).shape == (1, SAMPLES)
    tiny = SignalBank(num_symbols=2, num_samples=8, on_collision="ignore")
    ids = np.array([[0, 1] * 10])
    assert np.isfinite(tiny.windows(ids)).all(), "a window longer than the samples wraps"
