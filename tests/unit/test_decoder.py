"""The decoder family: shapes, roles, the writer's cache and window, impossible configs."""

from __future__ import annotations

import pytest
import torch

from primetone.config import decode
from primetone.errors import ConfigError, TextError
from primetone.families import FAMILIES, family
from primetone.families.decoder import Decoder, DecoderConfig, DecoderWriter

VOCAB_SIZE = 23


def lively_decoder(**settings: object) -> Decoder:
    """A decoder whose layers all do something: zero-initialised ones would hide mistakes."""
    torch.manual_seed(1)
    config = DecoderConfig(**{"layers": 2, "heads": 2, "width": 16, "context": 8, **settings})
    model = Decoder(config, vocab_size=VOCAB_SIZE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def test_every_family_in_the_table_can_be_had() -> None:
    for name in FAMILIES:
        assert family(name).name == name
        assert family(name).summary


def test_an_unknown_family_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'decoder'"):
        family("decodr")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 3, "width": 16}, "multiple of 3"),
        ({"heads": 4, "width": 12}, "even number of channels"),
        ({"dropout": 1.0}, "dropout"),
        ({"activation": "relu3"}, "activation"),
        ({"layers": 0}, "layers"),
    ],
)
def test_impossible_configs_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(DecoderConfig, settings, path="model")


def test_every_parameter_has_the_role_it_plays() -> None:
    model = lively_decoder(positions="learned", norm="layer", bias=True, head="untied")
    roles = model.roles()
    assert set(roles) == {name for name, _ in model.named_parameters()}
    assert roles["tokens.weight"] == roles["positions.weight"] == "embedding"
    assert roles["head.weight"] == "head"
    assert roles["blocks.0.attention.inward.weight"] == "matrix"
    assert roles["blocks.1.feed_forward.outward.weight"] == "matrix"
    assert roles["blocks.0.attention.inward.bias"] == "vector"
    assert roles["final_norm.weight"] == "vector"


def test_a_tied_head_is_stored_once() -> None:
    assert "head.weight" not in lively_decoder(head="tied").state_dict()


@pytest.mark.parametrize("placement", ["pre", "post"])
@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
@pytest.mark.parametrize("head", ["tied", "untied"])
def test_cache_equals_the_uncached_pass(placement: str, positions: str, head: str) -> None:
    model = lively_decoder(norm_placement=placement, positions=positions, head=head)
    writer = DecoderWriter(model, eos_id=0)
    ids = torch.randint(VOCAB_SIZE, (30,)).tolist()
    logits = writer.prefill(ids[:3])
    for token_id in ids[3:]:
        with torch.no_grad():
            uncached = model(torch.tensor([writer.window]))[0, -1]
        torch.testing.assert_close(logits, uncached, rtol=1e-4, atol=1e-4)
        logits = writer.step(token_id)


def test_the_window_slides_by_its_written_rule() -> None:
    writer = DecoderWriter(lively_decoder(), eos_id=0)
    ids = list(range(20))
    writer.prefill(ids)
    assert writer.window == ids[-8:], "a long prompt keeps its last `context` tokens"
    writer.step(20)
    assert writer.window == [16, 17, 18, 19, 20], "a full window keeps its last half"
    for token_id in (21, 22, 19):
        writer.step(token_id)
    assert writer.window == [16, 17, 18, 19, 20, 21, 22, 19]
    writer.prefill([5])
    assert writer.window == [5], "a prefill starts afresh"


def test_a_context_of_one_writes_too() -> None:
    model = lively_decoder(context=1)
    writer = DecoderWriter(model, eos_id=None)
    writer.prefill([1, 2])
    logits = writer.step(3)
    torch.testing.assert_close(logits, model(torch.tensor([[3]]))[0, 0], rtol=1e-4, atol=1e-4)


def test_an_empty_prompt_needs_an_end_of_text_token() -> None:
    model = lively_decoder()
    torch.testing.assert_close(
        DecoderWriter(model, eos_id=4).prefill([]), DecoderWriter(model, eos_id=4).prefill([4])
    )
    with pytest.raises(TextError, match="give a prompt"):
        DecoderWriter(model, eos_id=None).prefill([])


def test_writers_of_one_model_do_not_disturb_each_other() -> None:
    model = lively_decoder()
    one, other = DecoderWriter(model, eos_id=0), DecoderWriter(model, eos_id=0)
    one.prefill([1, 2, 3])
    other.prefill([7, 8])
    alone = DecoderWriter(model, eos_id=0)
    alone.prefill([1, 2, 3])
    torch.testing.assert_close(one.step(4), alone.step(4))
