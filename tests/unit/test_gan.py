"""The gan family: one pass equals the loop, small penalties equal wide ones, nothing leaks."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from primetone.families.gan.config import CriticConfig, GeneratorConfig
from primetone.families.gan.critic import build_critic, pool
from primetone.families.gan.generator import Generator, Reading, View, draw, sample
from primetone.families.gan.noise import Noise, draw_noise
from primetone.objectives.adversarial import (
    critic_loss,
    distance_from_one,
    expected_rows,
    generator_loss,
    interpolate,
    squared_gradient_norms,
)

SMALL = GeneratorConfig(width=8, heads=2, ff_width=16, mapping_layers=2)
N, S, V = 3, 5, 11

VARIANTS = [
    replace(SMALL, cross_attention=cross, sight=sight, token_input=token_input, norm_placement=norm)
    for cross, sight, token_input, norm in itertools.product(
        ("add", "mix"), ("global", "prefix"), ("noise", "last", "start"), ("skip-norm", "pre")
    )
]


def build(config: GeneratorConfig = SMALL) -> tuple[Generator, Noise, Tensor]:
    torch.manual_seed(1)
    generator = Generator(config, length=S, vocab_size=V).double()
    like = generator.head.weight
    noise = draw_noise(config, sentences=N, length=S, like=like)
    return generator, noise, torch.randint(V, (N, S))


def step_by_step(generator: Generator, noise: Noise, tokens_NS: Tensor) -> Tensor:
    """hidden_NSE by the original's loop: for each word one pass over all before it, and one row.

    Words see only words before them, and keep their noise, as the mended version has it.
    """
    rows = []
    for place in range(tokens_NS.shape[1]):
        known = generator.tokens(tokens_NS[:, :place]) + generator.positions_SE[:place]
        match generator.config.token_input:
            case "noise":
                new = noise.inputs_NSE[:, place]
            case "last" if place:
                new = generator.tokens(tokens_NS[:, place - 1])
            case _:
                new = generator.start.expand(len(tokens_NS), -1)
        new = new + generator.positions_SE[place]
        x = torch.cat((known, new[:, None]), dim=1)
        places = torch.arange(place + 1)
        style = generator.mapping(noise.style_NSE)
        visible = torch.ones(place + 1, place + 1, dtype=torch.bool).tril()
        sight = generator.config.sight
        view = View(style, visible, places, num_queries=place + 1, sight=sight)
        for number, block in enumerate(generator.blocks):
            added = None
            if generator.has_noise(number):
                known_noise = noise.blocks_BN2SE[number, :, 0, :place]
                new_noise = noise.blocks_BN2SE[number, :, 1, place : place + 1]
                added = torch.cat((known_noise, new_noise), dim=1)
            x = block(x, view, added, None)
        rows.append(generator.norm(x[:, -1]))
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_one_pass_equals_the_loop(config: GeneratorConfig) -> None:
    generator, noise, tokens_NS = build(config)
    weights = torch.randn(N, S, SMALL.width, dtype=torch.float64)
    gradients = []
    for hidden in (generator(tokens_NS, noise), step_by_step(generator, noise, tokens_NS)):
        generator.zero_grad()
        (hidden * weights).sum().backward()
        grads = [p.grad.clone() for p in generator.parameters() if p.grad is not None]
        gradients.append((hidden.detach(), grads))
    (one_hidden, one), (loop_hidden, loop) = gradients
    torch.testing.assert_close(one_hidden, loop_hidden, rtol=1e-9, atol=1e-12)
    assert len(one) == len(loop)
    for mine, theirs in zip(one, loop, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_reading_equals_the_pass(config: GeneratorConfig) -> None:
    generator, noise, tokens_NS = build(config)
    reading = Reading(generator, noise)
    with torch.no_grad():
        expected = generator.head(generator(tokens_NS, noise))
        for place in range(S):
            last_N = tokens_NS[:, place - 1] if place else None
            found = reading.logits(last_N)
            torch.testing.assert_close(found, expected[:, place], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_a_word_is_seen_from_later_places_alone(config: GeneratorConfig) -> None:
    generator, noise, tokens_NS = build(config)
    for place in range(S):
        other = tokens_NS.clone()
        other[:, place] = (other[:, place] + 1) % V
        with torch.no_grad():
            is_equal_NS = (generator(other, noise) == generator(tokens_NS, noise)).all(-1)
        assert is_equal_NS[:, : place + 1].all()
        assert not is_equal_NS[:, place + 1 :].any()


def test_sampling_fills_up_behind_the_end() -> None:
    generator, noise, _ = build()
    torch.manual_seed(3)
    tokens_NS = sample(generator, noise, end_id=0, choose="sample", temperature=5.0)
    for row in tokens_NS.tolist():
        if 0 in row:
            assert set(row[row.index(0) :]) == {0}
    greedy = sample(generator, noise, end_id=0, choose="argmax")
    assert torch.equal(greedy, sample(generator, noise, end_id=0, choose="argmax"))


def test_words_are_drawn_as_often_as_their_probabilities_say() -> None:
    torch.manual_seed(0)
    probabilities = torch.tensor([0.0, 0.5, 0.0, 0.2, 0.3, 0.0])
    counts = draw(probabilities.expand(100_000, -1), torch.rand(100_000)).bincount(minlength=6)
    assert counts[probabilities == 0].tolist() == [0, 0, 0]
    torch.testing.assert_close(counts / 100_000, probabilities, rtol=0, atol=0.006)


@pytest.mark.parametrize("kind", ["uniform", "normal", "truncated"])
@pytest.mark.parametrize("shape", ["positions", "sequence"])
def test_noise(kind: str, shape: str) -> None:
    config = replace(SMALL, noise=kind, noise_shape=shape, block_noise="shared")
    like = torch.zeros((), dtype=torch.float64)
    drawn = [
        draw_noise(
            config,
            sentences=2000,
            length=4,
            like=like,
            generator=torch.Generator().manual_seed(seed),
            style=torch.Generator().manual_seed(7),
        )
        for seed in (0, 1)
    ]
    assert torch.equal(drawn[0].style_NSE, drawn[1].style_NSE)
    assert not torch.equal(drawn[0].inputs_NSE, drawn[1].inputs_NSE)
    is_one = torch.equal(drawn[0].style_NSE[:, 0], drawn[0].style_NSE[:, 1])
    assert is_one == (shape == "sequence")
    assert torch.equal(drawn[0].blocks_BN2SE[:, :, :, 0], drawn[0].blocks_BN2SE[:, :, :, 1])
    bound = {"uniform": 1.0, "normal": 9.0, "truncated": 1.5}[kind]
    assert drawn[0].inputs_NSE.abs().max() <= bound
    deviation = {"uniform": 3**-0.5, "normal": 1.0, "truncated": 0.743}[kind]
    assert drawn[0].inputs_NSE.std().item() == pytest.approx(deviation, rel=0.03)


# --- penalties and soft words, against their forms over the whole vocabulary ---


def critic_of(kind: str, **options: object):
    torch.manual_seed(2)
    config = CriticConfig(kind=kind, width=8, heads=2, ff_width=16, dropout=0.0, **options)
    return build_critic(config, length=S, vocab_size=V).double()


CRITICS = [
    ("transformer", {}),
    ("transformer", {"positions": "added", "scores": "sentence"}),
    ("transformer", {"pooling": "average", "scores": "sentence"}),
    ("transformer", {"pooling": "max", "scores": "sentence"}),
    ("convolution", {"filters": 4}),
]


@pytest.mark.parametrize(("kind", "options"), CRITICS)
def test_penalties_equal_those_of_one_hot_rows(kind: str, options: dict) -> None:
    critic = critic_of(kind, **options)
    is_word_NS = torch.ones(N, S, dtype=torch.bool)
    is_word_NS[1, 3:] = False
    soft_NSV = torch.randn(N, S, V, dtype=torch.float64).softmax(-1)
    found = []
    for is_wide in (True, False):
        critic.zero_grad()
        wide_NSV = soft_NSV.clone().requires_grad_(is_wide)
        rows_NSE = wide_NSV @ critic.words.weight
        scores_N = critic(rows_NSE, is_word_NS).total_N()
        if is_wide:
            (gradient,) = torch.autograd.grad(scores_N.sum(), wide_NSV, create_graph=True)
            squared_N = gradient.square().sum((1, 2))
        else:
            squared_N = squared_gradient_norms(scores_N, rows_NSE, critic.words.weight)
        penalty = distance_from_one(squared_N).sum()
        penalty.backward()
        grads = {n: p.grad.clone() for n, p in critic.named_parameters() if p.grad is not None}
        found.append((squared_N.detach(), grads))
    (wide, wide_grads), (narrow, narrow_grads) = found
    torch.testing.assert_close(narrow, wide, rtol=1e-10, atol=1e-14)
    assert wide_grads.keys() == narrow_grads.keys()
    assert "words.weight" in wide_grads
    for name, gradient in wide_grads.items():
        torch.testing.assert_close(narrow_grads[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("few", [0, 1 << 24])
def test_expected_rows_equal_probabilities_times_the_table(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("primetone.objectives.adversarial.FEW_PROBABILITIES", few)
    torch.manual_seed(4)
    shapes = ((N, S, 8), (V, 8), (V,), (V, 6))
    parts = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    hidden, head, bias, table = parts
    weights = torch.randn(N, S, 6, dtype=torch.float64)
    wide = ((hidden @ head.T + bias) / 0.7).softmax(-1) @ table
    narrow = expected_rows(hidden, head, bias, table, temperature=0.7)
    torch.testing.assert_close(narrow, wide, rtol=1e-10, atol=1e-12)
    expected = torch.autograd.grad((wide * weights).sum(), parts)
    for mine, theirs in zip(
        torch.autograd.grad((narrow * weights).sum(), parts), expected, strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "options"), CRITICS)
def test_a_score_is_of_its_sentence_and_its_words_alone(kind: str, options: dict) -> None:
    critic = critic_of(kind, **options)
    rows_NSE = torch.randn(N, S, 8, dtype=torch.float64)
    is_word_NS = torch.ones(N, S, dtype=torch.bool)
    is_word_NS[0, 3:] = False
    with torch.no_grad():
        scores_N = critic(rows_NSE, is_word_NS).total_N()
        other = rows_NSE.clone()
        other[0, 3:] += torch.randn(S - 3, 8)  # behind the end
        other[1] += torch.randn(S, 8)  # another sentence
        changed_N = critic(other, is_word_NS).total_N() != scores_N
    assert changed_N.tolist() == [False, True, False]


def test_pooling_counts_words_alone() -> None:
    x_NRD = torch.tensor([[[1.0], [3.0], [5.0]], [[-1.0], [9.0], [9.0]]])
    is_seen_NR = torch.tensor([[True, True, True], [True, False, False]])
    mean, is_pair = pool(x_NRD, is_seen_NR, mean=True)
    assert mean[..., 0].tolist() == [[2.0, 5.0], [-1.0, 0.0]]
    largest, _ = pool(x_NRD, is_seen_NR, mean=False)
    assert largest[..., 0].tolist() == [[3.0, 5.0], [-1.0, 0.0]]
    assert is_pair.tolist() == [[True, True], [True, False]]


def test_losses_are_their_definitions() -> None:
    real, fake = torch.tensor([2.0, -1.0]).double(), torch.tensor([0.5, 3.0]).double()
    sigmoid = torch.sigmoid
    expected = {
        "wasserstein": (fake - real, -fake),
        "minimax": (
            -sigmoid(real).log() - (1 - sigmoid(fake)).log(),
            (1 - sigmoid(fake)).log(),
        ),
        "non-saturating": (
            -sigmoid(real).log() - (1 - sigmoid(fake)).log(),
            -sigmoid(fake).log(),
        ),
        "hinge": ((1 - real).clamp(min=0) + (1 + fake).clamp(min=0), -fake),
        "least-squares": (((real - 1) ** 2 + fake**2) / 2, (fake - 1) ** 2 / 2),
        "relativistic": (-sigmoid(real - fake).log(), -sigmoid(fake - real).log()),
    }
    for kind, (critic, generator) in expected.items():
        torch.testing.assert_close(critic_loss(kind, real, fake), critic)
        torch.testing.assert_close(generator_loss(kind, real, fake), generator)
    huge = torch.tensor([1e4, -1e4])
    for kind in expected:
        assert critic_loss(kind, huge, -huge).isfinite().all()
        assert generator_loss(kind, huge, -huge).isfinite().all()


def test_points_between_lie_between() -> None:
    torch.manual_seed(0)
    real, fake = torch.zeros(4, 2, 3), torch.ones(4, 2, 3)
    between = interpolate(real, fake, torch.rand(4))
    assert ((between >= 0) & (between <= 1)).all()
    assert all(len(row.unique()) == 1 for row in between)
    assert len(between.unique()) == 4
