"""Optimisers by role, Muon against torch's own, clipping, schedules, state by name."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from primetone.contracts import Phase
from primetone.errors import FormatError
from primetone.families import family
from primetone.families.decoder import DecoderConfig
from primetone.training.muon import Muon, orthogonalise
from primetone.training.optim import OptimizerConfig, PhaseOptimizer, clip_gradients
from primetone.training.schedule import ScheduleConfig, learning_rate_factor


def small_phase(**settings: object) -> Phase:
    torch.manual_seed(0)
    config = DecoderConfig(layers=2, heads=2, width=16, context=8, bias=True, **settings)
    decoder = family("decoder")
    return decoder.phases(decoder.build(config, vocab_size=11), config)[0]


def give_gradients(module: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("shape", [(24, 24), (16, 48), (48, 16)])
def test_muon_makes_the_update_of_torch(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape)) for _ in range(3)]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    settings = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}
    mine, reference = Muon(ours, **settings), torch.optim.Muon(theirs, **settings)
    for _ in range(4):
        before = [p.detach().clone() for p in theirs]
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(shape)
            b.grad = a.grad.clone()
        mine.step()
        reference.step()
        for a, b, old in zip(ours, theirs, before, strict=True):
            # Both approximate in bfloat16: they agree to about a hundredth of the step.
            assert (a - b).norm() < 0.03 * (b - old).norm()
            with torch.no_grad():
                a.copy_(b)


def test_stacked_matrices_are_separate_ones_to_muon() -> None:
    torch.manual_seed(0)
    stacked = nn.Parameter(torch.randn(3, 8, 8))
    single = [nn.Parameter(matrix.clone()) for matrix in stacked.detach()]
    stacked.grad = torch.randn(3, 8, 8)
    for parameter, gradient in zip(single, stacked.grad, strict=True):
        parameter.grad = gradient.clone()
    for parameters in ([stacked], single):
        Muon(parameters, lr=0.1, momentum=0.9, weight_decay=0.0).step()
    torch.testing.assert_close(stacked.detach(), torch.stack([p.detach() for p in single]))


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(4, 16, 40)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_muon_takes_the_hidden_matrices_and_nothing_else() -> None:
    phase = small_phase(positions="learned", norm="layer", head="untied")
    optimizer = PhaseOptimizer(phase, OptimizerConfig(name="muon"))
    muon, adamw = optimizer.parts
    names = {optimizer.names[p] for p in muon.param_groups[0]["params"]}
    assert names == {name for name, role in phase.roles.items() if role == "matrix"}
    decayed, vectors = adamw.param_groups
    assert {optimizer.names[p] for p in decayed["params"]} == {
        "tokens.weight",
        "positions.weight",
        "head.weight",
    }
    assert vectors["weight_decay"] == 0.0
    assert all(p.ndim == 1 for p in vectors["params"])


@pytest.mark.parametrize("name", ["adamw", "adam"])
def test_adam_makes_the_update_of_torch(name: str) -> None:
    phase = small_phase()
    twin = small_phase()
    settings = OptimizerConfig(name=name, learning_rate=1e-2, weight_decay=0.0)
    optimizer = PhaseOptimizer(phase, settings)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[name]
    reference = kind(
        twin.module.parameters(), lr=5e-3, betas=(0.9, 0.95), weight_decay=0.0, foreach=False
    )
    for step in range(3):
        give_gradients(phase.module, step)
        give_gradients(twin.module, step)
        optimizer.step(0.5)
        reference.step()
    for a, b in zip(phase.module.parameters(), twin.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["adamw", "adam", "muon"])
def test_state_goes_out_and_in_by_name(name: str) -> None:
    config = OptimizerConfig(name=name)
    phases = [small_phase() for _ in range(2)]
    optimizers = [PhaseOptimizer(phase, config) for phase in phases]
    for step in range(2):
        give_gradients(phases[0].module, step)
        optimizers[0].step(1.0)
    phases[1].module.load_state_dict(phases[0].module.state_dict())
    saved = {key: tensor.clone() for key, tensor in optimizers[0].tensors().items()}
    assert "blocks.0.attention.inward.weight/" in " ".join(saved)
    optimizers[1].load(saved)
    for phase, optimizer in zip(phases, optimizers, strict=True):
        give_gradients(phase.module, 9)
        optimizer.step(1.0)
    for a, b in zip(*(phase.module.parameters() for phase in phases), strict=True):
        assert torch.equal(a, b)


def test_state_of_another_model_is_refused() -> None:
    optimizer = PhaseOptimizer(small_phase(), OptimizerConfig())
    with pytest.raises(FormatError, match="found a difference at"):
        optimizer.load({"someone.else/exp_avg": torch.zeros(1)})


def test_clipping_is_that_of_torch() -> None:
    phases = [small_phase() for _ in range(2)]
    for phase in phases:
        give_gradients(phase.module, 0)
    norm = clip_gradients(list(phases[0].module.parameters()), 0.5)
    expected = torch.nn.utils.clip_grad_norm_(phases[1].module.parameters(), 0.5)
    torch.testing.assert_close(norm, expected)
    for a, b in zip(*(phase.module.parameters() for phase in phases), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    before = [p.grad.clone() for p in phases[0].module.parameters()]
    clip_gradients(list(phases[0].module.parameters()), 0.0)
    clip_gradients(list(phases[0].module.parameters()), 100.0)
    for old, parameter in zip(before, phases[0].module.parameters(), strict=True):
        torch.testing.assert_close(old, parameter.grad)


def factors(steps: int = 100, **settings: object) -> list[float]:
    config = ScheduleConfig(**{"warmup_steps": 0, "final_fraction": 0.0, **settings})
    return [
        learning_rate_factor(config, step=step, progress=step / steps) for step in range(steps + 1)
    ]


def test_schedules_have_their_shapes() -> None:
    assert set(factors(name="constant")) == {1.0}
    assert factors(name="linear")[25] == pytest.approx(0.75)
    assert factors(name="cosine")[25] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    wsd = factors(name="wsd", decay_fraction=0.4)
    assert wsd[:61] == pytest.approx([1.0] * 61)
    assert wsd[80] == pytest.approx(0.5)
    for name in ("linear", "cosine", "wsd"):
        assert factors(name=name)[-1] == pytest.approx(0.0)
        assert factors(name=name, final_fraction=0.1)[-1] == pytest.approx(0.1)


def test_warm_up_rises_to_the_full_rate_and_is_never_zero() -> None:
    rising = factors(name="constant", warmup_steps=9)
    assert rising[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rising[10:] == [1.0] * 91
