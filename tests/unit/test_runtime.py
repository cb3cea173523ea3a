"""The runtime: what `auto` settles, global switches left as they were, seeds by parts."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest
import torch

from primetone.errors import ConfigError
from primetone.families import family
from primetone.families.decoder import DecoderConfig
from primetone.training.runtime import has_bfloat16_units, start_runtime


def test_auto_follows_what_the_device_is_good_at() -> None:
    runtime = start_runtime(device="cpu")
    expected = "bfloat16" if has_bfloat16_units(torch.device("cpu")) else "float32"
    assert (runtime.precision, runtime.products, runtime.compile) == (expected, "shortened", "off")
    strict = start_runtime(device="cpu", precision="float32")
    assert (strict.precision, strict.products) == ("float32", "exact")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'cuda', which torch cannot use here.*auto, .*cpu"):
        start_runtime(device="cuda")


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_the_switch_of_products_is_put_back(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    with start_runtime(device="cpu", precision=precision).multiplying():
        inside = torch.get_float32_matmul_precision()
        assert inside == ("medium" if precision == "auto" else "highest")
    assert torch.get_float32_matmul_precision() == before


def test_equal_parts_seed_equal_numbers() -> None:
    runtime = start_runtime(device="cpu")
    drawn = []
    for parts in ((1, "a", 2), (1, "a", 2), (1, "a", 3)):
        runtime.seed(*parts)
        drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_pass_in_bfloat16_keeps_float32_weights_and_gradients() -> None:
    runtime = start_runtime(device="cpu", precision="bfloat16")
    torch.manual_seed(0)
    config = DecoderConfig(layers=1, heads=2, width=32, context=8, output_init="scaled")
    model = family("decoder").build(config, vocab_size=11)
    ids_BT = runtime.place(np.arange(8).reshape(1, 8) % 11)
    exact_BTV = model(ids_BT)
    with runtime.autocast():
        logits_BTV = model(ids_BT)
    assert logits_BTV.dtype == torch.bfloat16
    torch.testing.assert_close(logits_BTV.float(), exact_BTV, rtol=0.05, atol=0.02)
    logits_BTV.sum().backward()
    assert {p.grad.dtype for p in model.parameters() if p.grad is not None} == {torch.float32}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks to glibc's allocator")
def test_a_training_process_keeps_the_blocks_that_it_frees() -> None:
    program = """
import resource, torch
from primetone.training.runtime import start_runtime
def faults():
    torch.empty(1_000_000).fill_(1.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(1_000_000).fill_(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
start_runtime(device="cpu")
print(before, faults())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    before, after = map(int, done.stdout.split())
    assert after * 4 < before, "a block may find its place at the second or third try"
