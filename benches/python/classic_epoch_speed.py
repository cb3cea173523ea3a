"""An epoch of the original signal model beside its own training loop, written from its description.

    python benches/python/classic_epoch_speed.py [--rounds 9] [--steps 40] [--threads 2]

The loop: windows of 11 characters in a shuffled DataLoader of batches of 32, sines computed anew in
every step and rolled position by position, attention modules as they come, plain Adam, the loss
read after every step. Ours: the trainer with the recipe signal-classic. Both have the same weights
first, and must give the same logits, or nothing is timed. Every contestant has a process of its
own, for settings of the allocator are a process's; they take turns. Time is the processor's, all
threads together, so that other programs disturb less; the epoch is what 457 batches take. Two more
rows are bounds: the matrix products of a step alone, in either precision, with the fused optimiser.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as primetone's own command line sets it

import numpy as np
import torch
from peers import SHARED, print_machine
from torch import Tensor, nn

from primetone.families import family
from primetone.recipe import load_recipe
from primetone.text.tokenizer import Tokenizer
from primetone.training.checkpoint import CheckpointStore
from primetone.training.loader import Loader
from primetone.training.metrics import MetricsLog
from primetone.training.runtime import Precision, start_runtime
from primetone.training.trainer import Trainer

TEXT = SHARED / "data" / "seed000_presentation.txt"
WINDOW, SAMPLES, BATCH, TOKENS, CODEWORDS, WIDTH = 11, 512, 32, 8, 256, 64


def primes(count: int) -> list[int]:
    """The first primes."""
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


class Original(nn.Module):
    """The network as its description has it."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.register_buffer("primes", torch.tensor(primes(characters), dtype=torch.float32))
        self.register_buffer("times", torch.linspace(0, 1, SAMPLES))
        self.projection = nn.Linear(SAMPLES, TOKENS * CODEWORDS)
        self.codebook = nn.Embedding(CODEWORDS, WIDTH)
        self.attention1 = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.drop1 = nn.Dropout(0.1)
        self.attention2 = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.drop2 = nn.Dropout(0.2)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, batch_first=True)
        self.trunk = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.pattern = nn.Linear(TOKENS * WIDTH, 256)
        self.attention3 = nn.MultiheadAttention(256, 4, batch_first=True)
        self.norm3 = nn.LayerNorm(256)
        self.drop3 = nn.Dropout(0.1)
        self.output = nn.Linear(256, characters)

    def signals(self, ids: Tensor) -> Tensor:
        """Every context as a signal of unit length."""
        sums = torch.zeros(len(ids), SAMPLES)
        for place in range(ids.shape[1]):
            rates = self.primes[ids[:, place]][:, None]
            sums = sums + torch.roll(torch.sin(2 * math.pi * rates * self.times), place, dims=1)
        return sums / (sums.norm(dim=1, keepdim=True) + 1e-8)

    def forward(self, ids: Tensor) -> Tensor:
        logits = self.projection(self.signals(ids)).view(-1, TOKENS, CODEWORDS)
        tokens = torch.softmax(logits, dim=-1) @ self.codebook.weight
        mixed, _ = self.attention1(tokens, tokens, tokens)
        tokens = self.norm1(tokens + self.drop1(mixed))
        mixed, _ = self.attention2(tokens, tokens, tokens)
        tokens = self.norm2(tokens + self.drop2(mixed))
        tokens = self.trunk(tokens)
        pattern = self.pattern(tokens.flatten(1))[:, None]
        mixed, _ = self.attention3(pattern, pattern, pattern)
        return self.output(self.norm3(pattern + self.drop3(mixed))[:, 0])


def same_weights(original: Original, ours: nn.Module) -> None:
    """Copy ours into the original, layer by layer in order of definition."""
    mine = [parameter for _, parameter in ours.named_parameters()]
    theirs = [parameter for _, parameter in original.named_parameters()]
    with torch.no_grad():
        for source, target in zip(mine, theirs, strict=True):
            target.copy_(source)


@dataclasses.dataclass
class Stream:
    """The ids of the text."""

    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def original_loop(seen: Callable[[float], object] = lambda _: None) -> Callable[[int], None]:
    """The original's training, by steps; the loss of each goes to `seen`."""
    torch.manual_seed(0)
    tokenizer, ids = read_text()
    windows = np.lib.stride_tricks.sliding_window_view(ids.astype(np.int64), WINDOW + 1)
    data = torch.from_numpy(windows.copy())
    pairs = torch.utils.data.TensorDataset(data[:, :WINDOW], data[:, WINDOW])
    loader = torch.utils.data.DataLoader(pairs, batch_size=BATCH, shuffle=True)
    model = Original(tokenizer.vocab_size).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def steps(count: int) -> None:
        done = 0
        while True:
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(inputs), targets)
                loss.backward()
                optimizer.step()
                seen(loss.item())
                done += 1
                if done == count:
                    return

    return steps


def our_loop(precision: Precision, threads: int, folder: str) -> Callable[[int], None]:
    """The trainer with the recipe, by steps."""
    tokenizer, ids = read_text()
    recipe, signal = load_recipe("signal-classic"), family("signal")
    runtime = start_runtime(device="cpu", precision=precision, threads=threads)
    torch.manual_seed(0)
    model = signal.build(recipe.model, vocab_size=tokenizer.vocab_size)
    trainer = Trainer(
        model=model,
        phases=signal.phases(model, recipe.model),
        loader=Loader(
            Stream(ids),
            window=signal.window(recipe.model),
            batch_size=BATCH,
            seed=0,
            place=runtime.place,
        ),
        runtime=runtime,
        train=dataclasses.replace(recipe.train, epochs=None, steps=1, save_every=0, eval_every=0),
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        metrics=MetricsLog(Path(folder) / f"{precision}.jsonl"),
        checkpoints=CheckpointStore(Path(folder) / precision, keep=1),
    )
    # A short run must not pay for a checkpoint that an epoch writes once.
    trainer.save = lambda: None

    def steps(count: int) -> None:
        trainer.train = dataclasses.replace(trainer.train, steps=trainer.step + count)
        trainer.fit()

    return steps


def bound(precision: torch.dtype) -> Callable[[int], None]:
    """A call that does what no step can do without: its large products, and one fused update."""
    rows, wide, inner = BATCH * TOKENS, TOKENS * CODEWORDS, TOKENS * WIDTH
    maps = [
        (BATCH, SAMPLES, wide, 2),  # no gradient goes back into signals
        (rows, CODEWORDS, WIDTH, 3),
        *[(rows, WIDTH, 3 * WIDTH, 3), (rows, WIDTH, WIDTH, 3)] * 4,
        *[(rows, WIDTH, 2048, 3), (rows, 2048, WIDTH, 3)] * 2,
        (BATCH, inner, 256, 3),
        *[(BATCH, 256, 256, 3)] * 2,
    ]
    factors = [
        (torch.randn(m, k, dtype=precision), torch.randn(n, k, dtype=precision), times)
        for m, k, n, times in maps
    ]
    tokenizer, _ = read_text()
    size = sum(parameter.numel() for parameter in Original(tokenizer.vocab_size).parameters())
    weights = nn.Parameter(torch.randn(size))
    weights.grad = torch.randn(size)
    update = torch.optim.Adam([weights], fused=True)

    def steps(count: int) -> None:
        for _ in range(count):
            for inputs, matrix, times in factors:
                outputs = inputs @ matrix.T
                outputs.T @ inputs
                if times == 3:
                    outputs @ matrix
            update.step()

    return steps


def contestant(name: str, threads: int, folder: str) -> Callable[[int], None]:
    """The call of that name that takes so many steps."""
    torch.set_num_threads(threads)
    match name:
        case "the original's loop":
            return original_loop()
        case "primetone, float32":
            return our_loop("float32", threads, folder)
        case "primetone, as it comes":
            return our_loop("auto", threads, folder)
        case "bound: products, update, float32":
            return bound(torch.float32)
        case "bound: products, update, bfloat16":
            return bound(torch.bfloat16)
    raise ValueError(name)


NAMES = (
    "the original's loop",
    "primetone, float32",
    "primetone, as it comes",
    "bound: products, update, float32",
    "bound: products, update, bfloat16",
)


def serve(name: str, threads: int, folder: str, orders: Connection) -> None:
    """Take so many steps as each order says, and answer the processor's seconds."""
    steps = contestant(name, threads, folder)
    while (count := orders.recv()) is not None:
        started = time.process_time()
        steps(count)
        orders.send(time.process_time() - started)


def read_text() -> tuple[Tokenizer, np.ndarray]:
    """The original's text as characters."""
    text = TEXT.read_text(encoding="utf-8").strip()
    tokenizer = Tokenizer.characters([text], specials=())
    return tokenizer, np.asarray(tokenizer.encode(text))


def twins() -> tuple[Original, nn.Module]:
    """The original's network and ours, with the same weights."""
    tokenizer, _ = read_text()
    torch.manual_seed(0)
    recipe = load_recipe("signal-classic")
    ours = family("signal").build(recipe.model, vocab_size=tokenizer.vocab_size)
    original = Original(tokenizer.vocab_size)
    same_weights(original, ours)
    return original, ours


def require_equal_logits() -> None:
    """The same weights in both models must give the same logits."""
    _, ids = read_text()
    original, ours = twins()
    some = torch.from_numpy(ids[: WINDOW * 64].astype(np.int64)).view(64, WINDOW)
    with torch.no_grad():
        mine = ours.eval()(some, positions="last")[:, 0]
        distance = (original.eval()(some) - mine).abs().max().item()
    assert distance < 1e-4, f"the logits differ by {distance}"
    print(f"same weights, largest difference of logits {distance:.1e}")


def main() -> None:
    """Assert equal logits, then time all in turn."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--steps", type=int, default=40)
    arguments.add_argument("--threads", type=int, default=2)
    chosen = arguments.parse_args()
    if not TEXT.is_file():
        print(f"skipped: {TEXT} is not there")
        return
    print_machine(["torch", "numpy"])
    require_equal_logits()
    per_epoch = -(-(len(read_text()[1]) - WINDOW) // BATCH)
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        lines, workers = {}, []
        for name in NAMES:
            lines[name], end = spawn.Pipe()
            workers.append(
                spawn.Process(target=serve, args=(name, chosen.threads, folder, end), daemon=True)
            )
            workers[-1].start()
        seconds: dict[str, list[float]] = {name: [] for name in NAMES}
        for number in range(chosen.rounds + 1):
            for name in NAMES if number % 2 else reversed(NAMES):
                lines[name].send(chosen.steps)
                taken = lines[name].recv()
                if number:  # the first round warms up
                    seconds[name].append(taken)
        for name, worker in zip(NAMES, workers, strict=True):
            lines[name].send(None)
            worker.join()
    base = statistics.median(seconds[NAMES[0]])
    print(f"\n{chosen.threads} threads, {per_epoch} batches an epoch\n")
    print("| | processor seconds an epoch | spread | times as fast |\n|---|---|---|---|")
    for name, values in seconds.items():
        scale = per_epoch / chosen.steps
        print(
            f"| {name} | {statistics.median(values) * scale:.2f} "
            f"| {min(values) * scale:.2f}-{max(values) * scale:.2f} "
            f"| {base / statistics.median(values):.2f} |"
        )


if __name__ == "__main__":
    main()
