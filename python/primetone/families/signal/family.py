"""What the rest of the house needs to know of the signal family.

Letters: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from primetone.contracts import Batch, Capability, Loss, Phase, Window, Writer
from primetone.families.decoder import Decoder, DecoderWriter
from primetone.families.signal.classic import ContextModel
from primetone.families.signal.config import SignalConfig
from primetone.families.signal.encoder import EncodedContexts
from primetone.families.signal.probe import place_accuracy
from primetone.families.signal.readers import SignalReader, build_reader
from primetone.objectives.likelihood import next_token_loss, next_token_nats


def last_token_loss(module: nn.Module, batch: Batch) -> Loss:
    """The likelihood of the one token after each context."""
    logits_B1V = module(batch.inputs_BT, positions="last")
    return Loss(total=next_token_nats(logits_B1V, batch.targets_BT), weight=batch.weight)


@final
class ContextWriter:
    """Writes one text by a model that sees its last `window` characters, which may be none."""

    def __init__(self, model: ContextModel) -> None:
        self.model = model
        self.context: list[int] = []

    def prefill(self, ids: Sequence[int]) -> Tensor:
        """Start afresh; an empty prompt is a signal of zeros."""
        self.context = [int(token_id) for token_id in ids]
        return self._read()

    def step(self, token_id: int) -> Tensor:
        """Append a token; the oldest leaves the window."""
        self.context.append(int(token_id))
        return self._read()

    @torch.inference_mode()
    def _read(self) -> Tensor:
        self.model.eval()
        window = self.model.contexts.signals.window
        self.context = self.context[-window:]
        device = self.model.decoder.output.weight.device
        ids_1N = torch.tensor([self.context], dtype=torch.int64, device=device)
        return self.model(ids_1N, positions="last")[0, 0].float()


@final
class SignalFamily:
    """Characters as sine signals, tokens learned inside the model."""

    name: ClassVar[str] = "signal"
    summary: ClassVar[str] = "characters as sine signals, tokens learned inside the model"
    config_type: ClassVar[type] = SignalConfig
    can: ClassVar[frozenset[Capability]] = frozenset({"generate", "score", "chat", "internals"})

    def window(self, config: SignalConfig) -> Window:
        """The context of the trunk; or a window and the one character after it."""
        if config.targets == "all":
            return Window(length=config.trunk.context)
        return Window(length=config.window, stride=config.stride, predicts="last")

    def build(self, config: SignalConfig, *, vocab_size: int) -> nn.Module:
        """A model with fresh weights, drawn from torch's generator."""
        if config.targets == "last":
            return ContextModel(config, vocab_size=vocab_size)
        reader = build_reader(config, vocab_size=vocab_size)
        return Decoder(config.trunk, vocab_size=vocab_size, reader=reader)

    def phases(self, model: nn.Module, config: SignalConfig) -> tuple[Phase, ...]:
        """One phase: the likelihood of the next character."""
        assert isinstance(model, Decoder | ContextModel)
        loss: Callable[[nn.Module, Batch], Loss] = last_token_loss
        if config.targets == "all":
            loss = partial(next_token_loss, smoothing=config.trunk.label_smoothing)
        return (Phase(name="likelihood", module=model, loss=loss, roles=model.roles()),)

    def writer(
        self,
        model: nn.Module,
        *,
        eos_id: int | None,
        seed: int = 0,
        style_seed: int | None = None,
    ) -> Writer:
        """A writer with its own context."""
        if isinstance(model, ContextModel):
            return ContextWriter(model)
        assert isinstance(model, Decoder)
        return DecoderWriter(model, eos_id=eos_id)

    @torch.inference_mode()
    def figures(self, model: nn.Module, ids_BT: Tensor) -> Mapping[str, float]:
        """Entropy of the soft tokens, use of the codebook, logit scale."""
        contexts = _contexts(model)
        if contexts is None:
            return {}
        return contexts.encoder.figures(contexts(ids_BT).usage_CMK)

    @torch.inference_mode()
    def internals(self, model: nn.Module, ids: Sequence[int]) -> Mapping[str, np.ndarray]:
        """What happens to a prompt, by name; shapes as `primetone.plots.internals` draws them."""
        contexts = _contexts(model)
        if contexts is None:
            return {}
        model.eval()
        device = contexts.encoder.codebook.weight.device
        ids_1T = torch.tensor([list(ids)], dtype=torch.int64, device=device)
        along = contexts(ids_1T)
        last = contexts.last(ids_1T)
        found = {
            "signal": contexts.signals.last(ids_1T)[0],
            "token_logits": last.logits_CMK[0],
            "usage": last.usage_CMK[0],
            "token_embeddings": last.tokens_CMD[0],
            "usage_along": along.usage_CMK,
            "codebook_use": along.usage_CMK.mean((0, 1)),
        }
        if isinstance(model, ContextModel):
            _, decoded = model.stages(ids_1T)
            found |= {
                "pattern": decoded.pattern_CP[0],
                "refined_pattern": decoded.refined_CP[0],
                "logits": decoded.logits_CV[0],
            }
        else:
            assert isinstance(model, Decoder) and isinstance(model.reader, SignalReader)
            found |= {
                "pattern": model.reader(ids_1T)[0, -1],
                "logits": model(ids_1T[:, -model.config.context :])[0, -1],
            }
        arrays = {name: value.float().cpu().numpy() for name, value in found.items()}
        return {**arrays, **_atoms(contexts)}


def _contexts(model: nn.Module) -> EncodedContexts | None:
    """Where signals become soft tokens; None for the inputs that signals are compared with."""
    if isinstance(model, ContextModel):
        return model.contexts
    assert isinstance(model, Decoder)
    reader = model.reader
    return reader.contexts if isinstance(reader, SignalReader) and reader.has_tokens else None


def _atoms(contexts: EncodedContexts) -> dict[str, np.ndarray]:
    """The bank: atoms, their cosines, and how like an atom is to itself shifted by i places."""
    atoms_VL = contexts.signals.bank.atoms()
    unit_VL = atoms_VL / np.maximum(np.linalg.norm(atoms_VL, axis=1, keepdims=True), 1e-12)
    shifts = range(contexts.signals.window)
    kernel = [(unit_VL * np.roll(unit_VL, shift, axis=1)).sum(1) for shift in shifts]
    return {
        "atoms": atoms_VL,
        "atom_cosines": unit_VL @ unit_VL.T,
        "position_kernel": np.stack(kernel, axis=1),
        "place_accuracy": place_accuracy(contexts.signals.bank, contexts.signals.window),
    }


SIGNAL = SignalFamily()
