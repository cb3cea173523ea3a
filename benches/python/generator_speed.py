"""A generator's step in one pass beside the original's loop, and the critic's penalty, in memory.

    python benches/python/generator_speed.py [--rounds 5] [--threads 2]

64 positions, 64 sentences, 2,000 words, the recipe `gan`'s generator. The loop is the original's,
mended so that words see only what is before them: for each word one pass over all words so far and
one row of noise, the last row's distribution kept with its gradient. With equal weights, words and
noise, both give the same probabilities and gradients in float64, or nothing is timed. A step is
words written, the pass with gradients, backward; the loop writes its words as it goes. Every
contestant has a process of its own, which takes turns for time and tells its peak of memory. Then
one critic step with WGAN-GP, V 70,000, 64 sentences of 64 words, beside the size of one-hot rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as primetone's own command line sets it

import torch
from peers import print_machine
from torch import Tensor

from primetone.contracts import Batch
from primetone.families.gan.family import GAN
from primetone.families.gan.game import Game
from primetone.families.gan.generator import Generator, View, draw, sample
from primetone.families.gan.noise import Noise, draw_noise
from primetone.recipe import load_recipe
from primetone.training.runtime import start_runtime

LENGTH, SENTENCES, VOCABULARY = 64, 64, 2000
WIDE_VOCABULARY, WIDE_SENTENCES = 70_000, 64
LOOP, PASS, IDLE, PENALTY = "the original's loop", "primetone, one pass", "idle", "penalty"
LEFT_OUT = VOCABULARY
"""No word ends a sentence here: all have the full length."""


def build(length: int = LENGTH) -> Generator:
    """The recipe's generator, for longer sentences."""
    torch.manual_seed(0)
    return Generator(load_recipe("gan").model.generator, length=length, vocab_size=VOCABULARY)


def noise_for(generator: Generator, sentences: int) -> Noise:
    """One draw."""
    return draw_noise(
        generator.config,
        sentences=sentences,
        length=generator.length,
        like=generator.head.weight,
    )


def probabilities_by_loop(
    generator: Generator, noise: Noise, known_NS: Tensor | None = None
) -> Tensor:
    """probabilities_NSV as the original makes them: the whole prefix again for every word."""
    N, S = noise.style_NSE.shape[:2]
    tokens_NS = torch.zeros(N, 0, dtype=torch.int64) if known_NS is None else known_NS
    rows = []
    for place in range(S):
        content = generator.tokens(tokens_NS[:, :place]) + generator.positions_SE[:place]
        query = noise.inputs_NSE[:, place] + generator.positions_SE[place]
        x = torch.cat((content, query[:, None]), dim=1)
        visible = torch.ones(place + 1, place + 1, dtype=torch.bool).tril()
        view = View(
            generator.mapping(noise.style_NSE),
            visible,
            torch.arange(place + 1),
            num_queries=place + 1,
            sight=generator.config.sight,
        )
        for number, block in enumerate(generator.blocks):
            added = None
            if generator.has_noise(number):
                streams = noise.blocks_BN2SE[number]
                added = torch.cat((streams[:, 0, :place], streams[:, 1, place : place + 1]), dim=1)
            x = block(x, view, added, None)
        chances = generator.head(generator.norm(x[:, -1])).softmax(-1)
        rows.append(chances)
        if known_NS is None:
            tokens_NS = torch.cat(
                (tokens_NS, draw(chances.detach(), torch.rand(len(chances)))[:, None]), dim=1
            )
    return torch.stack(rows, dim=1)


def require_equal() -> None:
    """Probabilities and gradients of both, in float64."""
    generator = build(16).double()
    noise = noise_for(generator, 3)
    tokens_NS = torch.randint(VOCABULARY, (3, 16))
    weights = torch.randn(3, 16, VOCABULARY, dtype=torch.float64)
    found = []
    for chances in (
        generator.head(generator(tokens_NS, noise)).softmax(-1),
        probabilities_by_loop(generator, noise, tokens_NS),
    ):
        generator.zero_grad()
        (chances * weights).sum().backward()
        found.append([chances.detach(), *(w.grad.clone() for w in generator.parameters())])
    worst = 0.0
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)
        worst = max(worst, float((mine - theirs).abs().max()))
    print(f"float64: largest difference of probabilities and gradients {worst:.1e}")


def loop_step() -> Callable[[], object]:
    """Write as the original does, with gradients, and go back through all of it."""
    generator = build()

    def step() -> None:
        noise = noise_for(generator, SENTENCES)
        chances = probabilities_by_loop(generator, noise)
        generator.zero_grad()
        chances.square().sum().backward()

    return step


def pass_step() -> Callable[[], object]:
    """Write without gradients, then one pass with them."""
    generator = build()

    def step() -> None:
        noise = noise_for(generator, SENTENCES)
        tokens_NS = sample(generator, noise, end_id=LEFT_OUT, choose="sample")
        chances = generator.head(generator(tokens_NS, noise)).softmax(-1)
        generator.zero_grad()
        chances.square().sum().backward()

    return step


def penalty_step() -> Callable[[], object]:
    """One critic step of WGAN-GP over a wide vocabulary, sentences written and all."""
    recipe = load_recipe(
        "gan",
        [
            "model.length=64",
            "model.objective=wasserstein",
            "model.penalty=gradient",
            "model.penalty_weight=10",
            "model.penalty_every=1",
            "model.gradient=soft",
        ],
    )
    torch.manual_seed(0)
    model = GAN.build(recipe.model, vocab_size=WIDE_VOCABULARY)
    real_NS = torch.randint(1, WIDE_VOCABULARY, (WIDE_SENTENCES, LENGTH))
    real_NS[:, -1] = 0
    batch = Batch(inputs_BT=real_NS, targets_BT=real_NS, weight=real_NS.numel())
    optimizer = torch.optim.Adam(model.critic.parameters(), lr=1e-4, betas=(0.0, 0.9))

    def step() -> None:
        loss = Game(model).criticise(model.critic, batch)
        optimizer.zero_grad()
        (loss.total / loss.weight).backward()
        assert loss.metrics["penalty"].isfinite()
        optimizer.step()

    return step


CONTESTANTS = {
    LOOP: loop_step,
    PASS: pass_step,
    PENALTY: penalty_step,
    IDLE: lambda: lambda: build(),
}


def serve(name: str, threads: int, orders: Connection) -> None:
    """Take a step at each order and answer its seconds; None is answered by the peak in MB."""
    torch.set_num_threads(threads)
    start_runtime(device="cpu", precision="float32", threads=threads)
    step = CONTESTANTS[name]()
    while orders.recv() is not None:
        started = time.perf_counter()
        step()
        orders.send(time.perf_counter() - started)
    orders.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Assert equal outputs, then time all in turn and ask for their peaks."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=2)
    chosen = arguments.parse_args()
    print_machine(["torch", "numpy"])
    require_equal()
    spawn = multiprocessing.get_context("spawn")
    lines, workers = {}, []
    for name in CONTESTANTS:
        lines[name], end = spawn.Pipe()
        workers.append(spawn.Process(target=serve, args=(name, chosen.threads, end), daemon=True))
        workers[-1].start()
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(chosen.rounds + 1):
        for name in (LOOP, PASS) if number % 2 else (PASS, LOOP):
            lines[name].send(1)
            taken = lines[name].recv()
            if number:  # the first round warms up
                seconds[name].append(taken)
    for name in (PENALTY, IDLE):
        lines[name].send(1)
        seconds[name].append(lines[name].recv())
    peaks = {}
    for name, worker in zip(CONTESTANTS, workers, strict=True):
        lines[name].send(None)
        peaks[name] = lines[name].recv()
        worker.join()
    idle = peaks[IDLE]
    print(
        f"\n{chosen.threads} threads, {chosen.rounds} rounds; a process without a step: "
        f"{idle:.0f} MB"
    )
    print("\n| | seconds a step | spread | peak MB | above idle | times as fast | memory |")
    print("|---|---|---|---|---|---|---|")
    base = statistics.median(seconds[LOOP])
    for name in (LOOP, PASS):
        values = seconds[name]
        print(
            f"| {name} | {statistics.median(values):.3f} | {min(values):.3f}-{max(values):.3f} "
            f"| {peaks[name]:.0f} | {peaks[name] - idle:.0f} "
            f"| {base / statistics.median(values):.1f} "
            f"| {(peaks[name] - idle) / (peaks[LOOP] - idle):.3f} |"
        )
    wide = WIDE_SENTENCES * LENGTH * WIDE_VOCABULARY * 4 / 1e9
    print(
        f"\ncritic step with penalty, V {WIDE_VOCABULARY:,}: {seconds[PENALTY][0]:.2f} s, peak "
        f"{peaks[PENALTY]:,.0f} MB; one array of one-hot rows {wide:.2f} GB"
    )


if __name__ == "__main__":
    main()
