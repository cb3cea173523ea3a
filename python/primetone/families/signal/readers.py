"""What a causal trunk can read: signals, and the inputs that signals are compared with.

A reader is a module `ids_BT -> x_BTW` that looks at the ids of a window, never beyond a position.

Letters: B batch, T time, C contexts, N places of a window, L samples, V symbols, W channels of the
trunk, O orders of n-grams.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Role
from primetone.families.signal.config import SignalConfig
from primetone.families.signal.encoder import EncodedContexts, PatternEncoder
from primetone.families.signal.inputs import Signals, normalise
from primetone.nn.layers import parameter_roles

NGRAM_ORDERS = range(1, 7)


def build_reader(config: SignalConfig, *, vocab_size: int) -> nn.Module:
    """The reader that the config asks for."""
    width, window = config.trunk.width, config.window
    match config.input:
        case "signal":
            return SignalReader(config, vocab_size=vocab_size)
        case "learned_atoms":
            return LearnedAtoms(config, vocab_size=vocab_size)
        case "embedding":
            return TableReader(1, vocab_size=vocab_size, width=width)
        case "concatenated":
            return TableReader(window, vocab_size=vocab_size, width=width)
        case "ngrams":
            return NgramReader(config.ngram_rows, width=width)


@final
class SignalReader(nn.Module):
    """The signal of the window that ends at each position, as soft tokens, mapped to the trunk."""

    def __init__(self, config: SignalConfig, *, vocab_size: int) -> None:
        super().__init__()
        signals = Signals(config.bank, vocab_size=vocab_size, window=config.window)
        encoder, width = config.encoder, config.trunk.width
        if encoder.soft_tokens:
            self.contexts = EncodedContexts(signals, encoder)
            self.outward = nn.Linear(encoder.soft_tokens * encoder.token_width, width)
        else:
            self.signals = signals
            self.outward = nn.Linear(signals.bank.num_samples, width)
        self.has_tokens = encoder.soft_tokens > 0

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """x_BTW from position `start` on."""
        if not self.has_tokens:
            x: Tensor = self.outward(self.signals(ids_BT, start=start))
            return x
        tokens_CMD = self.contexts(ids_BT, start=start).tokens_CMD
        x = self.outward(tokens_CMD.flatten(1))
        return x.unflatten(0, (len(ids_BT), ids_BT.shape[1] - start))


@final
class LearnedAtoms(nn.Module):
    """Signals whose atoms are parameters: an embedding in the shape of a signal, the control."""

    def __init__(self, config: SignalConfig, *, vocab_size: int) -> None:
        super().__init__()
        signals = Signals(config.bank, vocab_size=vocab_size, window=config.window)
        self.atoms = nn.Parameter(torch.from_numpy(signals.bank.atoms()))
        self.window, self.norm = config.window, config.bank.norm
        encoder, width = config.encoder, config.trunk.width
        self.has_tokens = encoder.soft_tokens > 0
        inward = signals.bank.num_samples
        if self.has_tokens:
            self.encoder = PatternEncoder(encoder, samples=inward)
            inward = encoder.soft_tokens * encoder.token_width
        self.outward = nn.Linear(inward, width)

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """x_BTW from position `start` on."""
        ids_CN = F.pad(ids_BT, (self.window - 1, 0), value=-1).unfold(1, self.window, 1)[:, start:]
        B, T, N = ids_CN.shape
        L = self.atoms.shape[1]
        silent_VL = F.pad(self.atoms, (0, 0, 0, 1))
        doubled = torch.cat((silent_VL, silent_VL), dim=1)
        sums_BTL = self.atoms.new_zeros(B, T, L)
        for place in range(N):
            rolled_VL = doubled[:, L - place % L : 2 * L - place % L]
            picked = ids_CN[..., place].remainder(len(silent_VL))  # -1 is the silent one
            sums_BTL = sums_BTL + F.embedding(picked, rolled_VL)
        signals_BTL = normalise(sums_BTL, self.norm)
        if self.has_tokens:
            tokens_CMD = self.encoder(signals_BTL.flatten(0, 1))
            x: Tensor = self.outward(tokens_CMD.flatten(1)).unflatten(0, (B, T))
            return x
        return self.outward(signals_BTL)


@final
class TableReader(nn.Module):
    """A learned vector for each character at each place of the window, added up.

    With one place this is the usual embedding; with N it is a matrix over the concatenation of N
    one-hot characters, of which a signal is a fixed sketch.
    """

    def __init__(self, places: int, *, vocab_size: int, width: int) -> None:
        super().__init__()
        self.places, self.vocab_size = places, vocab_size
        self.table = nn.Embedding(places * vocab_size + 1, width, padding_idx=places * vocab_size)
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(places))

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """x_BTW from position `start` on."""
        padded = F.pad(ids_BT, (self.places - 1, 0), value=-1).unfold(1, self.places, 1)[:, start:]
        offsets = torch.arange(self.places, device=ids_BT.device) * self.vocab_size
        rows = torch.where(padded < 0, self.places * self.vocab_size, padded + offsets)
        x = F.embedding_bag(
            rows.flatten(0, 1),
            self.table.weight,
            mode="sum",
            padding_idx=self.places * self.vocab_size,
        )
        return x.unflatten(0, rows.shape[:2])


@final
class NgramReader(nn.Module):
    """Hashed n-grams of 1 to 6 characters, a table for each order, added up.

    Source: the n-gram embeddings of arXiv 2412.09871, section 3.2.1.
    """

    def __init__(self, rows: int, *, width: int) -> None:
        super().__init__()
        self.rows = rows
        self.table = nn.Embedding(rows * len(NGRAM_ORDERS), width)
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(len(NGRAM_ORDERS)))

    def forward(self, ids_BT: Tensor, *, start: int = 0) -> Tensor:
        """x_BTW from position `start` on."""
        hashes = hashed_ngrams(ids_BT, orders=NGRAM_ORDERS, rows=self.rows)[:, start:]
        offsets = torch.arange(len(NGRAM_ORDERS), device=ids_BT.device) * self.rows
        x = F.embedding_bag((hashes + offsets).flatten(0, 1), self.table.weight, mode="sum")
        return x.unflatten(0, hashes.shape[:2])


def reader_roles(reader: nn.Module) -> dict[str, Role]:
    """The role of every parameter by its name: tables, hidden maps, and the rest."""
    roles = parameter_roles(reader)
    if "atoms" in roles:
        roles["atoms"] = "embedding"
    return roles


def hashed_ngrams(ids_BT: Tensor, *, orders: range, rows: int) -> Tensor:
    """hashes_BTO of the n-grams that end at every position, one column for each order."""
    columns = []
    for order in orders:
        padded = F.pad(ids_BT + 1, (order - 1, 0)).unfold(1, order, 1)
        value = torch.full_like(ids_BT, order)
        for place in range(order):
            # arithmetic modulo 2^31, spread by an odd factor
            value = ((value * 1_000_003) ^ padded[..., place]) & 0x7FFFFFFF
        columns.append(((value * 48_271) & 0x7FFFFFFF) % rows)
    return torch.stack(columns, dim=-1)
