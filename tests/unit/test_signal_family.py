"""The signal family: the original's numbers, no leakage, equality with isolated windows."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from primetone.contracts import Batch
from primetone.errors import ConfigError
from primetone.families import family
from primetone.families.decoder import Decoder, DecoderConfig
from primetone.families.signal.classic import ContextModel
from primetone.families.signal.config import BankConfig, EncoderConfig, SignalConfig
from primetone.families.signal.family import SIGNAL, ContextWriter
from primetone.families.signal.probe import place_accuracy
from primetone.recipe import load_recipe
from primetone.signals import SignalBank

CHARACTERS = 61
SMALL_TRUNK = DecoderConfig(
    layers=2, heads=2, width=32, context=24, head="untied", output_init="scaled"
)
SMALL = SignalConfig(
    window=5,
    bank=BankConfig(samples=256),
    encoder=EncoderConfig(soft_tokens=4, codewords=16, token_width=8, heads=2),
    trunk=SMALL_TRUNK,
)
INPUTS = ("signal", "learned_atoms", "embedding", "concatenated", "ngrams")


@pytest.fixture(scope="module")
def classic() -> ContextModel:
    torch.manual_seed(0)
    model = SIGNAL.build(load_recipe("signal-classic").model, vocab_size=CHARACTERS)
    assert isinstance(model, ContextModel)
    return model


def built(config: SignalConfig, *, vocab_size: int = 30) -> torch.nn.Module:
    torch.manual_seed(1)
    return SIGNAL.build(config, vocab_size=vocab_size).eval()


def some_ids(rows: int, length: int, vocab_size: int = 30) -> torch.Tensor:
    return torch.randint(0, vocab_size, (rows, length), generator=torch.Generator().manual_seed(2))


def test_the_classic_model_has_the_originals_parameters(classic: ContextModel) -> None:
    def count(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(classic) == 2_073_533
    assert count(classic.contexts.encoder.projection) == 1_050_624
    assert count(classic.contexts.encoder.codebook) == 16_384
    assert count(classic.contexts.encoder.refinements) == 33_536
    assert count(classic.trunk) == 562_304
    assert count(classic.decoder) == 410_685


def test_the_first_token_logits_spread_as_the_originals(classic: ContextModel) -> None:
    signals = classic.contexts.signals.last(some_ids(256, 11, CHARACTERS))
    weight = classic.contexts.encoder.projection.weight
    assert (signals @ weight.T).std().item() == pytest.approx(0.0255, rel=0.05)
    assert (signals * 512**0.5 @ weight.T).std().item() == pytest.approx(0.578, rel=0.05)


@pytest.mark.parametrize(
    ("norm", "logit_scale", "precision", "is_exact"),
    [
        ("l2", "none", "auto", True),
        ("l2", "learned", "auto", False),
        ("rms", "none", "auto", False),
        ("rms", "none", "float32", True),
        ("l2", "none", "mixed", False),
    ],
)
def test_faint_logits_stay_in_float32(norm, logit_scale, precision, is_exact) -> None:
    encoder = EncoderConfig(
        soft_tokens=4,
        codewords=16,
        token_width=8,
        heads=2,
        logit_scale=logit_scale,
        precision=precision,
    )
    config = dataclasses.replace(
        SMALL, targets="last", encoder=encoder, bank=BankConfig(samples=256, norm=norm)
    )
    model = built(config)
    assert isinstance(model, ContextModel)
    plain = model.contexts.last(some_ids(3, 5)).tokens_CMD
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model.contexts.last(some_ids(3, 5)).tokens_CMD
    assert torch.equal(plain, mixed) == is_exact


def test_roles_name_every_parameter(classic: ContextModel) -> None:
    assert set(classic.roles()) == {name for name, _ in classic.named_parameters()}
    for kind in INPUTS:
        model = built(dataclasses.replace(SMALL, input=kind))
        assert isinstance(model, Decoder)
        assert set(model.roles()) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("kind", INPUTS)
def test_no_input_sees_the_future(kind: str) -> None:
    model = built(dataclasses.replace(SMALL, input=kind))
    ids = some_ids(2, 20)
    changed = ids.clone()
    changed[:, 12] = (changed[:, 12] + 1) % 30
    with torch.no_grad():
        before, after = model(ids), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.equal(before[:, 12], after[:, 12])


def test_every_position_reads_its_isolated_window() -> None:
    model = built(SMALL)
    assert isinstance(model, Decoder)
    ids = some_ids(2, 20)
    with torch.no_grad():
        along = model.reader(ids)
        for at in range(20):
            alone = model.reader(ids[:, max(0, at - 4) : at + 1])[:, -1]
            assert torch.allclose(along[:, at], alone, atol=1e-6)


def test_positions_of_the_context_model_are_its_contexts(classic: ContextModel) -> None:
    classic.eval()
    ids = some_ids(2, 30, CHARACTERS)
    with torch.no_grad():
        along = classic(ids)
        for at in (0, 5, 10, 11, 29):
            alone = classic(ids[:, max(0, at - 10) : at + 1], positions="last")[:, 0]
            assert torch.allclose(along[:, at], alone, atol=2e-5)


@pytest.mark.parametrize("position", ["roll", "permute", "phase"])
@pytest.mark.parametrize("norm", ["l2", "rms", "none"])
def test_the_gathered_projection_is_the_dense_one(position: str, norm: str) -> None:
    bank = BankConfig(samples=256, position=position, norm=norm)
    dense = built(
        dataclasses.replace(
            SMALL, bank=bank, encoder=dataclasses.replace(SMALL.encoder, projection="dense")
        )
    )
    gathered = built(
        dataclasses.replace(
            SMALL, bank=bank, encoder=dataclasses.replace(SMALL.encoder, projection="gathered")
        )
    )
    ids = some_ids(3, 17)
    one, other = dense(ids), gathered(ids)
    assert torch.allclose(one, other, atol=1e-4)
    for loss in (one.logsumexp(-1).sum(), other.logsumexp(-1).sum()):
        loss.backward()
    gradients = zip(dense.parameters(), gathered.parameters(), strict=True)
    for mine, theirs in gradients:
        assert mine.grad is not None and theirs.grad is not None
        scale = mine.grad.abs().max().item() + 1e-6
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-3 * scale)


def test_without_a_gradient_the_table_follows_the_weights(classic: ContextModel) -> None:
    classic.eval()
    ids = some_ids(4, 11, CHARACTERS)
    with torch.no_grad():
        before = classic(ids, positions="last")
        weight = classic.contexts.encoder.projection.weight
        weight.mul_(20.0)
        after = classic(ids, positions="last")
        weight.div_(20.0)
    assert not torch.allclose(before, after)
    assert torch.allclose(before, classic(ids, positions="last"), atol=1e-5)


def test_the_writer_writes_what_the_model_predicts() -> None:
    config = dataclasses.replace(SMALL, targets="last")
    model = built(config)
    writer = SIGNAL.writer(model, eos_id=None)
    ids = some_ids(1, 12)[0].tolist()
    with torch.no_grad():
        along = model(torch.tensor([ids]))[0]
    assert torch.allclose(writer.prefill(ids[:1]), along[0], atol=1e-5)
    for at in range(1, 12):
        assert torch.allclose(writer.step(ids[at]), along[at], atol=1e-5)
    assert isinstance(writer, ContextWriter)
    assert torch.isfinite(writer.prefill([])).all(), "nothing is a signal of zeros"


@pytest.mark.parametrize("kind", INPUTS)
def test_the_cached_writer_equals_the_model(kind: str) -> None:
    model = built(dataclasses.replace(SMALL, input=kind))
    writer = SIGNAL.writer(model, eos_id=0)
    ids = some_ids(1, 20)[0].tolist()
    with torch.no_grad():
        along = model(torch.tensor([ids]))[0]
    assert torch.allclose(writer.prefill(ids[:3]), along[2], atol=1e-4)
    for at in range(3, 20):
        assert torch.allclose(writer.step(ids[at]), along[at], atol=1e-4)


def test_training_lowers_the_loss_of_both_kinds() -> None:
    for targets, shape in (("all", (8, 24)), ("last", (32, 5))):
        config = dataclasses.replace(SMALL, targets=targets)
        torch.manual_seed(0)
        model = SIGNAL.build(config, vocab_size=30)
        phase = SIGNAL.phases(model, config)[0]
        ids = some_ids(*shape)
        after = ids.roll(1, 1) if targets == "all" else ids[:, :1]
        batch = Batch(
            inputs_BT=ids, targets_BT=after, weight=after.numel(), row_weight=after.shape[1]
        )
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        losses = []
        for _ in range(30):
            loss = phase.loss(model, batch).total / batch.weight
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.8 * losses[0], targets


def test_figures_of_the_codebook(classic: ContextModel) -> None:
    figures = SIGNAL.figures(classic, some_ids(1, 200, CHARACTERS))
    assert 0 < figures["token_entropy"] <= 5.546
    assert 1 <= figures["usage_perplexity"] <= 256.001
    assert 0 <= figures["dead_codewords"] <= 1
    assert SIGNAL.figures(built(SMALL), some_ids(1, 20))["logit_scale"] == 1.0
    assert (
        SIGNAL.figures(built(dataclasses.replace(SMALL, input="embedding")), some_ids(1, 9)) == {}
    )


def test_internals_have_the_originals_panels(classic: ContextModel) -> None:
    found = SIGNAL.internals(classic, some_ids(1, 14, CHARACTERS)[0].tolist())
    assert found["signal"].shape == (512,)
    assert found["token_logits"].shape == (8, 256)
    assert found["token_embeddings"].shape == (8, 64)
    assert found["pattern"].shape == found["refined_pattern"].shape == (256,)
    assert found["logits"].shape == (CHARACTERS,)


def test_flat_atoms_tell_places_apart_better_than_tones() -> None:
    def mean(**settings: object) -> float:
        bank = SignalBank(num_symbols=40, num_samples=256, on_collision="ignore", **settings)
        return float(place_accuracy(bank, 6).mean())

    assert mean(atoms="flat", sampling="periodic") > 0.97 > 0.9 > mean(atoms="prime_tone")


def test_configs_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="untied"):
        dataclasses.replace(SMALL, trunk=dataclasses.replace(SMALL_TRUNK, head="tied"))
    with pytest.raises(ConfigError, match="soft_tokens"):
        SignalConfig(targets="last", encoder=EncoderConfig(soft_tokens=0))
    with pytest.raises(ConfigError, match="targets=all"):
        SignalConfig(targets="last", input="embedding")
    with pytest.raises(ConfigError, match="collide"):
        tones = BankConfig(samples=64, atoms="prime_tone")
        SIGNAL.build(dataclasses.replace(SMALL, bank=tones), vocab_size=60)


def test_the_table_names_it() -> None:
    assert family("signal") is SIGNAL
