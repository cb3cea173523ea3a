"""A critic's and a generator's step beside a trial of them in plain torch, from its description.

    python benches/python/adversarial_step_speed.py [--rounds 9] [--steps 8] [--threads 2]

64 sentences of up to 20 tokens, 2,002 words, generator 0.46 and critic 0.5 million parameters; one
critic step and one generator step with half a likelihood, R1 + R2 one step in four, the gradient
straight through the words. The trial is in `adversarial_trial.py`; ours is the trainer with the
recipe `gan` in its adversarial phase, once with the trial's own critic and once with the recipe's,
filters over words, as many as make it as large; float32, then with bfloat16 in the generator's
pass, then with the likelihood in one step of four. With equal weights both give the same logits in
the pass and in the sampler and the same scores, or nothing is timed. All take turns in one process
and have its settings: torch's threads, and an allocator that keeps what is freed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as primetone's own command line sets it

import numpy as np
import torch
from adversarial_trial import Attention, Trial, until_end
from peers import medians, print_machine
from torch import Tensor, nn

from primetone.families.gan import layers
from primetone.families.gan.family import GAN
from primetone.families.gan.game import Gan
from primetone.families.gan.generator import Reading
from primetone.families.gan.noise import Noise
from primetone.recipe import load_recipe
from primetone.training.checkpoint import CheckpointStore
from primetone.training.documents import DocumentLoader
from primetone.training.metrics import MetricsLog
from primetone.training.runtime import Precision, start_runtime
from primetone.training.trainer import Trainer

SENTENCES, LENGTH, VOCABULARY, END = 64, 20, 2002, 0
ADVERSARIAL = ["model.likelihood_share=0", "model.critic_share=0"]
SAME_CRITIC = [
    *ADVERSARIAL,
    "model.critic.kind=transformer",
    f"model.penalty_weight={0.5}",
]
OWN_CRITIC = [*ADVERSARIAL, "model.critic.filters=128"]
NOW_AND_THEN = [*OWN_CRITIC, "model.anchor_every=4"]


def text() -> np.ndarray:
    """Sentences of 6 to 18 words drawn anyhow, each with its end."""
    source = np.random.default_rng(0)
    lengths = source.integers(6, 19, size=2000)
    return np.concatenate(
        [np.append(source.integers(1, VOCABULARY, size=length), END) for length in lengths]
    )


def batches(ids: np.ndarray) -> DocumentLoader:
    """The same sentences for all."""
    return DocumentLoader(
        SimpleNamespace(ids=ids),
        window=GAN.window(load_recipe("gan").model),
        end_id=END,
        batch_size=SENTENCES,
        seed=0,
        place=torch.from_numpy,
    )


def our_steps(
    overrides: list[str], precision: Precision, threads: int, folder: Path
) -> tuple[Gan, Callable[[int], None]]:
    """The model, and the trainer by steps."""
    recipe = load_recipe("gan", overrides)
    folder.mkdir()
    runtime = start_runtime(device="cpu", precision=precision, threads=threads)
    torch.manual_seed(0)
    model = GAN.build(recipe.model, vocab_size=VOCABULARY)
    trainer = Trainer(
        model=model,
        phases=GAN.phases(model, recipe.model),
        loader=batches(text()),
        runtime=runtime,
        train=replace(recipe.train, max_seconds=None, steps=1, save_every=0, eval_every=0),
        optimizer=recipe.optimizer,
        schedule=replace(recipe.schedule, name="constant"),
        metrics=MetricsLog(folder / "metrics.jsonl"),
        checkpoints=CheckpointStore(folder / "checkpoints", keep=1),
    )
    # A short run must not pay for a checkpoint that a long one writes now and then.
    trainer.save = lambda: None

    def steps(count: int) -> None:
        trainer.train = replace(trainer.train, steps=trainer.step + count)
        trainer.fit()

    return model, steps


def trial_steps(trial: Trial) -> Callable[[int], None]:
    """The trial by steps, a batch for each half."""
    loader = batches(text())

    def steps(count: int) -> None:
        for _ in range(count):
            first, second = (
                loader.batch(2 * trial.steps_done + half).inputs_BT for half in range(2)
            )
            trial.step(first, second)

    return steps


def take_over(trial: Trial, ours: Gan) -> None:
    """Our weights in the trial's modules, which stand in the same order."""
    for theirs, mine in ((trial.generator, ours.generator), (trial.critic, ours.critic)):
        pairs = zip(leaves(theirs), leaves(mine), strict=True)
        with torch.no_grad():
            for one, other in pairs:
                if isinstance(one, Attention):
                    width = one.out.in_features
                    for number, part in enumerate((one.query, one.key, one.value)):
                        rows = slice(number * width, (number + 1) * width)
                        part.weight.copy_(other.inward.weight[rows])
                        part.bias.copy_(other.inward.bias[rows])
                    one.out.load_state_dict(other.outward.state_dict())
                else:
                    one.load_state_dict(other.state_dict())
    gains = [block.gain for block in trial.generator.blocks if block.is_noisy]
    mine = [block.gain for block in ours.generator.blocks if block.is_noisy]
    with torch.no_grad():
        for one, other in zip(gains, mine, strict=True):
            one.copy_(other)
        trial.critic.class_token.copy_(ours.critic.class_token)


def leaves(module: nn.Module) -> list[nn.Module]:
    """Attention modules and everything else with weights, sorted by kind."""
    found: list[nn.Module] = []

    def walk(part: nn.Module) -> None:
        if isinstance(part, (Attention, layers.Attention, nn.Linear, nn.LayerNorm, nn.Embedding)):
            found.append(part)
            return
        for child in part.children():
            walk(child)

    walk(module)
    kinds = (Attention, layers.Attention, nn.Linear, nn.LayerNorm, nn.Embedding)
    return sorted(found, key=lambda part: kinds.index(type(part)))


@torch.no_grad()
def largest_differences(trial: Trial, ours: Gan) -> dict[str, float]:
    """Between the two with equal weights and noise: logits of pass and sampler, scores."""
    real = batches(text()).batch(0).inputs_BT
    noise = trial.generator.draw(len(real))
    mine = Noise(*noise)
    trial.critic.eval(), ours.eval()
    passed = ours.generator.head(ours.generator(real, mine))
    reading, last, read = Reading(ours.generator, mine), None, []
    for place in range(LENGTH):
        read.append(reading.logits(last))
        last = real[:, place]
    words = until_end(real, END)
    theirs = trial.generator(real, noise)
    scores = torch.stack(trial.critic(trial.critic.words(real), words))
    own = torch.stack(ours.critic(ours.critic.words.weight[real], words).parts())
    trial.critic.train(), ours.train()

    def far(one: Tensor, other: Tensor) -> float:
        return float((one - other).abs().max())

    return {
        "logits of the pass": far(passed, theirs),
        "logits of the sampler": far(torch.stack(read, dim=1), theirs),
        "scores": far(own, scores),
    }


def parameters(module: nn.Module) -> str:
    """How many there are."""
    return f"{sum(weight.numel() for weight in module.parameters()):,}"


def main() -> None:
    """Assert equal outputs, then time all in turn."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--steps", type=int, default=8)
    arguments.add_argument("--threads", type=int, default=2)
    chosen = arguments.parse_args()
    print_machine(["torch", "numpy"])
    with tempfile.TemporaryDirectory() as folder:

        def ours(name: str, overrides: list[str], precision: Precision):
            return our_steps(overrides, precision, chosen.threads, Path(folder) / name)

        same, same_steps = ours("same", SAME_CRITIC, "float32")
        own, own_steps = ours("own", OWN_CRITIC, "float32")
        _, short_steps = ours("short", OWN_CRITIC, "bfloat16")
        _, rare_steps = ours("rare", NOW_AND_THEN, "bfloat16")
        trial = Trial(VOCABULARY, LENGTH, END)
        take_over(trial, same)
        for what, distance in largest_differences(trial, same).items():
            assert distance < 1e-4, f"{what} differ by {distance}"
            print(f"equal weights, largest difference of {what} {distance:.1e}")
        print(
            f"parameters: generators {parameters(trial.generator)} and "
            f"{parameters(same.generator)}, critics {parameters(trial.critic)}, "
            f"{parameters(same.critic)} and {parameters(own.critic)}"
        )
        contestants = {
            "the trial": trial_steps(trial),
            "primetone, the trial's critic": same_steps,
            "primetone, its own critic": own_steps,
            "primetone, its own critic, bfloat16": short_steps,
            "the same, likelihood one step in four, four times as heavy": rare_steps,
        }
        calls = {name: (lambda s=steps: s(chosen.steps)) for name, steps in contestants.items()}
        medians(calls, 1)  # the first round warms up
        seconds = medians(calls, chosen.rounds)
    base = statistics.median(seconds["the trial"])
    print(f"\n{chosen.threads} threads, {chosen.steps} steps a turn, {chosen.rounds} turns\n")
    print("| | seconds a step | spread | times as fast |\n|---|---|---|---|")
    for name, values in seconds.items():
        print(
            f"| {name} | {statistics.median(values) / chosen.steps:.3f} "
            f"| {min(values) / chosen.steps:.3f}-{max(values) / chosen.steps:.3f} "
            f"| {base / statistics.median(values):.2f} |"
        )


if __name__ == "__main__":
    main()
