"""Sine signals: a context of characters as one row of samples, into NumPy arrays or torch tensors.

Each symbol has an atom, a row of samples. A context is the sum of its symbols' atoms, each moved to
its place, divided by a norm. A fixed linear sketch: it can compress, it adds no information.

Letters: B contexts, N symbols of a context, L samples, V symbols of the bank, T positions.
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from primetone import _rust_tok
from primetone.errors import ConfigError, UnknownTokenError

if TYPE_CHECKING:
    import torch

    Out = np.ndarray[Any, Any] | torch.Tensor
else:
    Out = Any

__all__ = ["Collision", "SignalBank"]

Atoms: TypeAlias = Literal["prime_tone", "spread_tone", "comb", "flat"]
Sampling: TypeAlias = Literal["inclusive", "periodic"]
Frequencies: TypeAlias = Literal["primes", "first_collision_free_primes", "spread"]
Position: TypeAlias = Literal["roll", "permute", "phase"]
Norm: TypeAlias = Literal["l2", "rms", "none"]
Numerics: TypeAlias = Literal["exact", "classic_f32"]
OnCollision: TypeAlias = Literal["error", "warn", "ignore"]

# Found by dtype: a name takes microseconds to make, as long as eight signals.
_KINDS = {np.dtype(kind): kind for kind in ("float32", "float16")}
_ID_TYPES = frozenset(np.dtype(kind) for kind in ("uint8", "uint16", "uint32"))

LOSSLESS_RATIO, GOOD_RATIO = 46, 16
"""Samples a place: nearly all places can be read back; about 96 % of them."""


class Collision(NamedTuple):
    """Two symbols that no network can tell apart; `silent`: one symbol whose atom is zero."""

    first: int
    second: int
    relation: Literal["identical", "negated", "silent"]


@final
class SignalBank:
    """Atoms of `num_symbols` symbols in `num_samples` samples; immutable, safe to share.

    >>> bank = SignalBank(num_symbols=97, num_samples=512, atoms="flat", sampling="periodic")
    >>> bank.windows(np.zeros((32, 11), np.uint8)).shape
    (32, 512)

    Calls write into `out` where one is given, a C-contiguous NumPy array or CPU tensor of float32,
    float16 or (tensors) bfloat16, and return it. The same bits on any number of threads, any
    processor, alone or in a stream.

    Args:
        atoms: `prime_tone` one sine at the symbol's prime; `spread_tone` one sine, frequencies
            spread over the upper band; `comb` `tones` random ones; `flat` all, phases random.
        sampling: `inclusive` is the original's (period L - 1), `periodic` makes shifts phases.
        frequencies: of tones: `primes`, `first_collision_free_primes` or `spread`; the atoms' own
            when None.
        position: `roll` shifts by the place, `permute` reorders samples, `phase` turns phases.
        norm: what sums are divided by: their `l2` or `rms` norm plus 1e-8, or `none`. Sums that are
            zero stay zero.
        numerics: `exact` sines, or `classic_f32`, the original's order of operations.
        max_window: places of the longest context; integer sums are scaled by it (255 costs
            nothing), and `permute` and `phase` keep a row for every symbol and place.
        seed: of random phases, bins and permutations.
        times: with `classic_f32`, the sampling times to use in place of torch's linspace.
        on_collision: what to do about atoms that are equal or opposite: see `collisions`.

    Raises:
        ConfigError: settings that contradict each other, or too many symbols for the samples (it
            says how many would do).
    """

    __slots__ = ("_core", "collisions", "num_samples", "num_symbols", "period")

    def __init__(
        self,
        *,
        num_symbols: int,
        num_samples: int,
        atoms: Atoms = "prime_tone",
        sampling: Sampling = "inclusive",
        frequencies: Frequencies | None = None,
        position: Position = "roll",
        norm: Norm = "l2",
        numerics: Numerics = "exact",
        tones: int = 16,
        max_window: int = 255,
        seed: int = 0,
        times: npt.ArrayLike | None = None,
        on_collision: OnCollision = "warn",
    ) -> None:
        counts = {"num_symbols": num_symbols, "num_samples": num_samples, "tones": tones}
        for name, value in {**counts, "max_window": max_window, "seed": seed}.items():
            if not 0 <= value < 1 << 63:
                raise ConfigError(f"{name}: expected a number of at least 0, found {value}")
        own: Frequencies = "spread" if atoms == "spread_tone" else "primes"

        def build(samples: int) -> _rust_tok.SignalBank:
            return _rust_tok.SignalBank(
                num_symbols=num_symbols,
                num_samples=samples,
                atoms=atoms,
                tones=tones,
                sampling=sampling,
                frequencies=frequencies or own,
                position=position,
                norm=norm,
                numerics=numerics,
                max_window=max_window,
                seed=seed,
                times=None if times is None else np.asarray(times, np.float32).tolist(),
            )

        self._core = build(num_samples)
        self.num_symbols = num_symbols
        self.num_samples = num_samples
        self.period = num_samples if sampling == "periodic" else max(num_samples - 1, 1)
        self.collisions = tuple(Collision(*pair) for pair in self._core.collisions)  # type: ignore[arg-type]
        """Pairs of symbols with equal or opposite atoms, and symbols whose atom is zero."""
        if self.collisions and on_collision != "ignore":
            larger = None if times is not None else _enough_samples(build, num_samples)
            message = self._collision_message(larger)
            if on_collision == "error":
                raise ConfigError(message)
            warnings.warn(message, stacklevel=2)

    @property
    def frequencies(self) -> list[int]:
        """The frequency of every symbol's tone, in turns a period; empty for other atoms."""
        return self._core.frequencies

    def atoms(self) -> npt.NDArray[np.float32]:
        """The atoms at place 0, shape (V, L), each sample correctly rounded."""
        return self._core.atoms().reshape(self.num_symbols, self.num_samples)

    def windows(
        self,
        ids: Any,
        *,
        window: int | None = None,
        out: Out | None = None,
        threads: int | None = None,
    ) -> Out:
        """Signals of isolated contexts: ids (B, N), oldest first -> (B, L).

        The last symbol has place `window - 1` (`window` is N when None), so that a shorter context
        is one whose oldest symbols are missing. N = 0 gives zeros. Cost: B N L additions.
        """
        ids_BN = _id_array(ids)
        if ids_BN.ndim != 2:
            raise ConfigError(f"expected ids of shape (contexts, symbols), found {ids_BN.shape}")
        B, N = ids_BN.shape
        out, flat, kind = self._buffer(out, (B, self.num_samples))
        places = N if window is None else window
        self._core.windows(ids_BN.reshape(-1), N, places, flat, kind, _num_threads(threads))
        return out

    def slide(
        self,
        ids: Any,
        window: int,
        *,
        offsets: npt.ArrayLike | None = None,
        out: Out | None = None,
        threads: int | None = None,
    ) -> Out:
        """The signal of the window that ends at every position: ids (T,) -> (T, L).

        With ids (B, T) every row is a document: -> (B, T, L); else `offsets` (0, ..., T) says where
        documents begin. No window reaches back over such a start: it has fewer symbols there.
        Equal, bit for bit, to `windows` of each. Cost: O(T L) whatever the window, for rolls.
        """
        array = _id_array(ids)
        if array.ndim not in (1, 2) or (array.ndim == 2 and offsets is not None):
            raise ConfigError(
                f"expected ids of shape (positions,), or (documents, positions) without offsets, "
                f"found {array.shape}"
            )
        out, flat, kind = self._buffer(out, (*array.shape, self.num_samples))
        cuts = None if offsets is None else np.ascontiguousarray(offsets, dtype=np.uint64)
        self._core.slide(
            array.reshape(-1), array.shape[-1], window, cuts, flat, kind, _num_threads(threads)
        )
        return out

    def phasors(self, ids: Any, *, window: int | None = None) -> npt.NDArray[np.complex128]:
        """Z (B, V) of contexts (B, N): the sum over places i of a symbol of exp(-2 pi j f i / P).

        For tones sampled periodically and rolled, the signal before the norm is the imaginary part
        of the sum over symbols of Z exp(2 pi j f k / P).
        """
        ids_BN = _id_array(ids).astype(np.uint32)
        B, N = ids_BN.shape
        pairs = self._core.phasors(ids_BN.reshape(-1), N, N if window is None else window)
        return pairs.view(np.complex128).reshape(B, self.num_symbols)

    def gram(self, window: int, *, threads: int | None = None) -> npt.NDArray[np.float64]:
        """G (V, V, 2 window - 1): G[a, b, window - 1 + d] = atom a times atom b rolled by d.

        The squared norm of a context is the sum of G[x_i, x_j, window - 1 + j - i] over i, j.
        Cost: V^2 (2 window - 1) L; only where places are rolls.
        """
        flat = self._core.gram(window, _num_threads(threads))
        return flat.reshape(self.num_symbols, self.num_symbols, -1)

    def _buffer(self, out: Out | None, shape: tuple[int, ...]) -> tuple[Out, Any, str]:
        """`out` or a new array, as a flat view that the core fills, and the format's name."""
        array: Any = _on_lines(shape) if out is None else out
        if isinstance(array, np.ndarray):
            kind = _KINDS.get(array.dtype) or str(array.dtype)
            is_fit = array.flags.c_contiguous
        else:
            kind = str(array.dtype).removeprefix("torch.")
            is_fit = array.is_contiguous() and array.device.type == "cpu"
            is_fit = is_fit and not array.requires_grad
        if array.shape != shape or kind not in ("float32", "float16", "bfloat16"):
            raise ConfigError(
                f"out: expected shape {shape} of float32, float16 or bfloat16, found "
                f"{tuple(array.shape)} of {kind}"
            )
        if not is_fit:
            raise ConfigError(
                "out: expected contiguous memory of the CPU that needs no gradient: give a fresh "
                "array or tensor"
            )
        memory = array
        if not isinstance(array, np.ndarray):
            if kind != "float32":
                import torch

                memory = array.view(torch.int16)
            memory = memory.numpy()
        flat = memory.reshape(-1)
        return array, flat if kind == "float32" else flat.view(np.uint16), kind

    def _collision_message(self, larger: int | None) -> str:
        shown = ", ".join(f"{a} and {b} {relation}" for a, b, relation in self.collisions[:4])
        more = f" and {len(self.collisions) - 4} more" if len(self.collisions) > 4 else ""
        advice = f"num_samples={larger} would do" if larger else "take flat atoms"
        return (
            f"{self.num_symbols} atoms of {self.num_samples} samples collide: symbols {shown}{more}"
            f"; {advice}"
        )

    def __repr__(self) -> str:
        return (
            f"SignalBank({self.num_symbols} symbols, {self.num_samples} samples, period "
            f"{self.period}, {len(self.collisions)} collisions)"
        )


def _enough_samples(build: Callable[[int], _rust_tok.SignalBank], samples: int) -> int | None:
    """The first doubling of the samples at which nothing collides, if one is near."""
    for doubled in (samples << shift for shift in range(1, 5)):
        try:
            if not build(doubled).collisions:
                return doubled
        except ConfigError:
            return None
    return None


def _on_lines(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """An array that begins on a line of the cache, where long streams are written fastest."""
    count = math.prod(shape)
    memory = np.empty(count + 16, np.float32)
    start = -memory.__array_interface__["data"][0] // 4 % 16
    return memory[start : start + count].reshape(shape)


def _id_array(ids: Any) -> npt.NDArray[Any]:
    """Ids as uint8, uint16 or uint32, contiguous; without a copy where they are that already."""
    array = np.ascontiguousarray(ids)
    if array.dtype in _ID_TYPES:
        return array
    if array.dtype.kind not in "iu" and array.size:
        raise ConfigError(f"expected ids that are integers, found {array.dtype}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 1 << 32):
        raise UnknownTokenError("expected ids from 0, found one below 0 or above 4294967295")
    return array.astype(np.uint32)


def _num_threads(threads: int | None) -> int:
    if threads is None:
        return _num_cores()
    if threads < 1:
        raise ConfigError(f"threads must be at least 1, or None for all cores; found {threads}")
    return threads


@functools.cache
def _num_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
