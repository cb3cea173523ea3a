"""How well a linear map reads each character back out of its signal: what a bank can carry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from primetone.signals import SignalBank

PROBE_CONTEXTS, TEST_CONTEXTS = 6000, 1000
RIDGE = 1e-3


def place_accuracy(bank: SignalBank, window: int, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Shares (window,) of random contexts whose character at each place is the largest read-out.

    Ridge regression from normalised signals to one-hot characters, place by place, fitted on other
    random contexts. 1 / symbols is chance. Cost: one solve of L x L, about a second at L = 512.
    """
    random = np.random.default_rng(seed)
    ids = random.integers(0, bank.num_symbols, (PROBE_CONTEXTS + TEST_CONTEXTS, window))
    signals = np.asarray(bank.windows(ids.astype(np.uint32)), dtype=np.float64)
    signals /= np.maximum(np.sqrt((signals**2).mean(axis=1, keepdims=True)), 1e-12)
    known, unseen = signals[:PROBE_CONTEXTS], signals[PROBE_CONTEXTS:]
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += RIDGE * len(known)
    accuracy = np.empty(window)
    for place in range(window):
        wanted = np.zeros((PROBE_CONTEXTS, bank.num_symbols))
        wanted[np.arange(PROBE_CONTEXTS), ids[:PROBE_CONTEXTS, place]] = 1.0
        weights = np.linalg.solve(gram, known.T @ wanted)
        guesses = (unseen @ weights).argmax(axis=1)
        accuracy[place] = (guesses == ids[PROBE_CONTEXTS:, place]).mean()
    return accuracy
