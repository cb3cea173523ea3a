"""From ids to signals inside a model: by the Rust kernel on CPUs, by a table elsewhere.

Letters: B batch, T time, C contexts (B times T), N places of a window, L samples, V symbols,
H outputs of the projection.
"""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.families.signal.config import BankConfig
from primetone.signals import Norm, SignalBank

EPSILON = 1e-8


def build_bank(config: BankConfig, *, vocab_size: int, window: int, norm: Norm) -> SignalBank:
    """The bank of a model, one atom for every id."""
    largest = window if config.position != "roll" else max(window, 255)
    return SignalBank(
        num_symbols=vocab_size,
        num_samples=config.samples,
        atoms=config.atoms,
        tones=config.tones,
        sampling=config.sampling,
        frequencies=config.frequencies,
        position=config.position,
        norm=norm,
        numerics=config.numerics,
        max_window=largest,
        seed=config.seed,
        on_collision=config.on_collision,
    )


@final
class Signals(nn.Module):
    """`ids_BT -> signals_BTL`: at every position the signal of the window that ends there.

    Windows do not reach back over the start of a row; the last character of a window always has
    the last place. No parameters and no gradient.
    """

    def __init__(self, config: BankConfig, *, vocab_size: int, window: int) -> None:
        super().__init__()
        self.bank = build_bank(config, vocab_size=vocab_size, window=window, norm=config.norm)
        self.config = config
        self.vocab_size = vocab_size
        self.window = window
        self._tables: dict[torch.device, Tensor] = {}
        self._grams: dict[torch.device, Tensor] = {}

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """The signals from position `start` on."""
        B, T = ids_BT.shape
        if ids_BT.device.type != "cpu":
            sums_BTL = _sum_rows(self.place_rows(ids_BT, start=start), self.table(ids_BT.device))
            return normalise(sums_BTL, self.config.norm)
        ids = ids_BT.numpy()
        if start and T - start == 1:
            out_BL = torch.empty(B, self.bank.num_samples)
            self.bank.windows(ids[:, -self.window :], window=self.window, out=out_BL)
            return out_BL[:, None]
        out_BTL = torch.empty(B, T, self.bank.num_samples)
        self.bank.slide(ids, self.window, out=out_BTL)
        return out_BTL[:, start:]

    def last(self, ids_BN: Tensor) -> Tensor:
        """signals_BL of whole rows, of which the last `window` characters count."""
        ids_BN = ids_BN[:, -self.window :]
        if ids_BN.device.type != "cpu":
            return self.forward(ids_BN, start=ids_BN.shape[1] - 1)[:, 0]
        out_BL = torch.empty(len(ids_BN), self.bank.num_samples)
        self.bank.windows(ids_BN.numpy(), window=self.window, out=out_BL)
        return out_BL

    def place_rows(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """rows_BTN of `table`: place times V plus id; the last row, zeros, before a row starts."""
        padded = F.pad(ids_BT, (self.window - 1, 0), value=-1).unfold(1, self.window, 1)[:, start:]
        places_N = torch.arange(self.window, device=ids_BT.device) * self.vocab_size
        return torch.where(padded < 0, self.window * self.vocab_size, padded + places_N)

    def table(self, device: torch.device) -> Tensor:
        """Every atom at every place, without a norm: ((N V + 1), L), the last row zeros."""
        if device not in self._tables:
            plain = build_bank(
                self.config, vocab_size=self.vocab_size, window=self.window, norm="none"
            )
            symbols = np.arange(self.vocab_size)[:, None]
            rows = [plain.windows(symbols, window=place + 1) for place in range(self.window)]
            zeros = np.zeros((1, self.bank.num_samples), np.float32)
            self._tables[device] = torch.from_numpy(np.concatenate([*rows, zeros])).to(device)
        return self._tables[device]

    def norms(self, rows_CN: Tensor) -> Tensor:
        """norms_C of the sums of these rows of the table, without the sums: from inner products."""
        device = rows_CN.device
        if device not in self._grams:
            table = self.table(device).double()
            self._grams[device] = (table @ table.T).float()
        pairs_CNN = self._grams[device][rows_CN[:, :, None], rows_CN[:, None, :]]
        return pairs_CNN.sum((1, 2)).clamp(min=0.0).sqrt()

    def __deepcopy__(self, memo: dict[int, object]) -> Signals:
        return self  # nothing in it changes


def normalise(sums: Tensor, norm: Norm) -> Tensor:
    """Sums over the last axis's norm, as the bank divides them."""
    if norm == "none":
        return sums
    return sums * norm_factor(sums.norm(dim=-1, keepdim=True), norm, sums.shape[-1])


def norm_factor(norms: Tensor, norm: Norm, samples: int) -> Tensor:
    """What sums of these Euclidean norms are multiplied by."""
    if norm == "none":
        return torch.ones_like(norms)
    return (samples**0.5 if norm == "rms" else 1.0) / (norms + EPSILON)


def _sum_rows(rows_BTN: Tensor, table: Tensor) -> Tensor:
    B, T, N = rows_BTN.shape
    sums = F.embedding_bag(rows_BTN.reshape(-1, N), table, mode="sum")
    return sums.view(B, T, -1)


@final
class GatheredProjection:
    """`W signal + b` as a sum of N rows of `table @ W.T`: N H additions in place of L H products.

    Exact up to the order of additions, and differentiable in W and b. Making the rows costs
    N V L H products, so it pays for more than about N V contexts, or where W stands still.
    """

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self._made: tuple[int, int, Tensor] | None = None

    def __call__(self, rows_CN: Tensor, projection: nn.Linear) -> Tensor:
        """logits_CH of the contexts whose rows of the table these are."""
        signals, norm = self.signals, self.signals.config.norm
        sums_CH = F.embedding_bag(rows_CN, self._rows(projection.weight), mode="sum")
        factor_C = norm_factor(signals.norms(rows_CN), norm, signals.bank.num_samples)
        logits_CH = sums_CH * factor_C[:, None].to(sums_CH.dtype)
        return logits_CH if projection.bias is None else logits_CH + projection.bias

    def _rows(self, weight: Tensor) -> Tensor:
        if torch.is_grad_enabled() and weight.requires_grad:
            return self.signals.table(weight.device) @ weight.T
        version = (weight.data_ptr(), 0 if weight.is_inference() else weight._version)
        if self._made is None or self._made[:2] != version:
            self._made = (*version, self.signals.table(weight.device) @ weight.T)
        return self._made[2]
