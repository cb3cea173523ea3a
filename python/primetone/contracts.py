"""The few nouns on which families, objectives, training and evaluation agree.

A family turns a config into a module and a list of phases; the trainer runs phases and knows no
family; the loader cuts a token stream into windows; a writer gives next-token logits. Nothing here
imports torch at run time, so every floor may import it.

Shape letters used all over the package: B batch, T time (positions), D width, H heads, K head
width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch

Capability: TypeAlias = Literal["generate", "score", "chat", "internals"]
"""What a family's model can be asked to do once it is trained."""

Role: TypeAlias = Literal["matrix", "embedding", "head", "vector"]
"""What a parameter is for, which decides how it is optimised.

`matrix`: a hidden linear map (Muon may take it). `embedding`: a table of rows. `head`: the map to
the vocabulary. `vector`: gains and biases, never decayed.
"""


@runtime_checkable
class TokenIds(Protocol):
    """Token ids that need not lie in one array; what is taken out of them does."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any: ...


class TokenStream(Protocol):
    """A one-dimensional run of token ids, usually memory-mapped."""

    @property
    def ids(self) -> TokenIds: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """How a family cuts the stream: `length` inputs, each predicting the token `shift` later.

    Windows run across document ends (an end-of-text token marks them), so no token is wasted;
    where the cut is `documents`, each window is one document instead.
    """

    length: int
    shift: int = 1
    stride: int | None = None
    """Tokens from one window of an epoch to the next; `length` where it is None."""
    predicts: Literal["all", "last"] = "all"
    """Targets in training: one for every input, or one for the last. A model of the second kind,
    given a longer row, predicts after each position from the `length` tokens that end there."""
    cut: Literal["stream", "documents"] = "stream"
    """`documents`: inputs and targets are both one whole document of up to `length` tokens, its
    end-of-text token included and repeated up to `length`; longer ones are left out."""

    @property
    def span(self) -> int:
        """Tokens of the stream that one window touches."""
        return self.length + self.shift

    @property
    def num_targets(self) -> int:
        """Predictions that a window counts for."""
        return self.length if self.predicts == "all" else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One micro-batch on the device of the model, or a rank's share of its rows.

    `weight` is the number of predictions that the whole micro-batch counts for, on all ranks. It is
    known without asking a device or another rank, so that accumulated gradients can be divided by
    the global count before the backward pass.
    """

    inputs_BT: torch.Tensor
    targets_BT: torch.Tensor
    weight: int
    row_weight: float
    """Predictions that a row counts for on average, over all micro-batches and ranks of a step: by
    it a loss turns means over rows into sums over predictions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """The outcome of a loss function: a *sum* over `weight` predictions, not a mean.

    Terms must be additive over samples (nothing coupled through the batch): only then do four
    micro-batches of one quarter give the gradient of the whole. `metrics` are further sums, logged
    divided by the same weight.
    """

    total: torch.Tensor
    weight: int
    metrics: Mapping[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One optimised objective: the module it trains, its loss, how often it repeats per step.

    The trainer hands `loss` the module to call: `module` itself or the compiled or distributed
    wrapping of it, with the same weights. A language model has one phase, a GAN several; phases may
    share a module, and each has an optimiser of its own.
    """

    name: str
    module: torch.nn.Module
    loss: Callable[[torch.nn.Module, Batch], Loss]
    roles: Mapping[str, Role]
    """The role of every trainable parameter, by its name in `module`."""
    repeats: int = 1
    rate: float = 1.0
    """Times the learning rate of the recipe."""
    begin: float = 0.0
    end: float = 1.0
    """The share of training after which it takes part, and that up to which it does."""


class Writer(Protocol):
    """Gives next-token logits for one growing sequence, and keeps what it needs in between."""

    def prefill(self, ids: Sequence[int]) -> torch.Tensor:
        """Start afresh with a prompt; logits_V (float32) for the token after it."""
        ...

    def step(self, token_id: int) -> torch.Tensor:
        """Append one token; logits_V (float32) for the next."""
        ...


class Family(Protocol):
    """A kind of model: everything the rest of the house needs to know to train and use it."""

    name: str
    summary: str
    config_type: type
    can: frozenset[Capability]

    def window(self, config: Any) -> Window:
        """How the token stream is cut for this config."""
        ...

    def build(self, config: Any, *, vocab_size: int) -> torch.nn.Module:
        """A new module; its weights follow from torch's seed, which the caller sets."""
        ...

    def phases(self, model: torch.nn.Module, config: Any) -> tuple[Phase, ...]:
        """What the trainer runs in every step, in order."""
        ...

    def writer(
        self,
        model: torch.nn.Module,
        *,
        eos_id: int | None,
        seed: int = 0,
        style_seed: int | None = None,
    ) -> Writer:
        """A fresh writer; `eos_id` opens the text when the prompt is empty.

        `seed` draws the noise of a family that has any, `style_seed` that of a whole text apart.
        """
        ...

    def figures(self, model: torch.nn.Module, ids_BT: torch.Tensor) -> Mapping[str, float]:
        """The model's inner health on some text, for the log beside its likelihood."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Internals:
    """What happened to a prompt inside a model."""

    arrays: Mapping[str, np.ndarray]
    """By the name of the stage."""
    prompt: tuple[str, ...]
    """The text of each token of the prompt."""
    symbols: tuple[str, ...]
    """The text of each token of the vocabulary."""


@runtime_checkable
class WritesSentences(Protocol):
    """A family whose models write whole sentences, many at once, and are judged by them."""

    def sentences(
        self,
        model: torch.nn.Module,
        *,
        count: int,
        end_id: int,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[list[int]]:
        """The ids of `count` sentences, without their ends."""
        ...


@runtime_checkable
class Explained(Protocol):
    """A family that can `internals`: it shows what happens inside its models."""

    def internals(self, model: torch.nn.Module, ids: Sequence[int]) -> Mapping[str, np.ndarray]:
        """Arrays by name: the stages of these ids on their way through the model."""
        ...
