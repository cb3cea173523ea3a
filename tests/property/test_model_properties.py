"""Laws of the model side for any options: first loss, cache, order of windows, stops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args, get_type_hints

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primetone.contracts import Batch, Window
from primetone.families import family
from primetone.families.decoder import Decoder, DecoderConfig, DecoderWriter
from primetone.generation import SamplingConfig, stop_before, token_probabilities
from primetone.training.loader import Loader, permute


def choices(field: str) -> st.SearchStrategy[str]:
    return st.sampled_from(get_args(get_type_hints(DecoderConfig)[field]))


configs = st.builds(
    DecoderConfig,
    layers=st.integers(1, 3),
    heads=st.sampled_from([1, 2, 4]),
    width=st.sampled_from([32, 64, 96]),
    context=st.integers(1, 24),
    positions=choices("positions"),
    norm=choices("norm"),
    norm_placement=choices("norm_placement"),
    activation=choices("activation"),
    mlp_factor=st.sampled_from([1.0, 2.5, 4.0]),
    qk_norm=choices("qk_norm"),
    head=choices("head"),
    output_init=choices("output_init"),
    bias=st.booleans(),
    dropout=st.sampled_from([0.0, 0.3]),
)


@given(configs, st.sampled_from([24, 65, 512]), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_first_loss_is_the_logarithm_of_the_vocabulary(
    config: DecoderConfig, vocab_size: int, seed: int
) -> None:
    torch.manual_seed(seed)
    decoder = family("decoder")
    model = decoder.build(config, vocab_size=vocab_size)
    ids = torch.randint(vocab_size, (2048 // config.context, config.context + 1))
    after = ids[:, 1:]
    batch = Batch(
        inputs_BT=ids[:, :-1], targets_BT=after, weight=after.numel(), row_weight=after.shape[1]
    )
    with torch.no_grad():
        loss = decoder.phases(model, config)[0].loss(model, batch)
    assert abs(loss.total.item() / loss.weight / math.log(vocab_size) - 1) < 0.02


@given(configs, st.integers(1, 60), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_writer_equals_the_pass_over_its_window(
    config: DecoderConfig, num_prompt: int, seed: int
) -> None:
    torch.manual_seed(seed)
    model = Decoder(config, vocab_size=24)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    writer = DecoderWriter(model, eos_id=None)
    logits = writer.prefill(torch.randint(24, (num_prompt,)).tolist())
    for token_id in torch.randint(24, (12,)).tolist():
        assert 1 <= len(writer.window) <= config.context
        with torch.no_grad():
            uncached = model(torch.tensor([writer.window]))[0, -1]
        torch.testing.assert_close(logits, uncached, rtol=1e-3, atol=1e-3)
        logits = writer.step(token_id)
        assert writer.window[-1] == token_id


@given(st.integers(1, 5000), st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6))
@settings(deadline=None)
def test_any_key_permutes_any_range(size: int, keys: list[int]) -> None:
    order = permute(np.arange(size), size=size, keys=np.array(keys, dtype=np.uint64))
    assert np.array_equal(np.sort(order), np.arange(size))


@dataclass
class Stream:
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@given(st.integers(2, 400), st.integers(1, 20), st.integers(1, 9), st.integers(0, 10**6))
@settings(deadline=None)
def test_windows_stay_inside_and_epochs_do_not_repeat(
    num_tokens: int, length: int, batch_size: int, number: int
) -> None:
    if num_tokens <= length:
        return
    source = Loader(
        Stream(np.arange(num_tokens)),
        window=Window(length=length),
        batch_size=batch_size,
        seed=1,
        place=torch.from_numpy,
    )
    starts = source.starts(number)
    assert starts.min() >= 0
    assert starts.max() + length + 1 <= num_tokens
    epoch = source.windows_per_epoch
    first = -(-number * batch_size // epoch) * epoch
    whole = [
        int(start)
        for k in range(first // batch_size, (first + epoch) // batch_size + 1)
        for at, start in enumerate(source.starts(k), start=k * batch_size)
        if first <= at < first + epoch
    ]
    assert len(set(whole)) == epoch


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), max_size=12),
    st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
)
def test_stops_cut_where_the_whole_text_would_be_cut(pieces: list[str], stop: list[str]) -> None:
    text = "".join(pieces)
    ends = [at for at in map(text.find, stop) if at >= 0]
    given_out = "".join(stop_before(pieces, stop))
    assert not any(string in given_out for string in stop)
    if not ends:
        assert given_out == text
    else:
        # Of several stops in one piece the earliest counts; one that is complete ends the text.
        assert text.startswith(given_out)
        assert len(given_out) >= min(ends)
        assert len(given_out) in ends


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=30),
    st.floats(0, 3),
    st.integers(0, 31),
    st.floats(0.01, 1),
    st.floats(0, 0.99),
    st.floats(0.5, 2),
    st.lists(st.integers(0, 0), max_size=2),
)
def test_sampling_rules_always_leave_a_distribution(
    logits, temperature, top_k, top_p, min_p, penalty, history
) -> None:
    config = SamplingConfig(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=penalty,
    )
    found = token_probabilities(torch.tensor(logits), config, history)
    assert torch.isfinite(found).all()
    assert found.min() >= 0
    assert abs(found.sum().item() - 1) < 1e-4
