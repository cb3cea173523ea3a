"""A gan in training: its losses, its phases, whole documents, runs that stop and go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

import primetone
from primetone.contracts import Batch, Window
from primetone.errors import ConfigError, TextError
from primetone.families import family
from primetone.families.gan.config import CriticConfig, GanConfig, GeneratorConfig
from primetone.families.gan.family import GAN
from primetone.families.gan.game import Game, Gan, gumbel_given, is_word
from primetone.generation import write_tokens
from primetone.recipe import load_recipe, recipe_names
from primetone.text.corpus import Corpus
from primetone.training.documents import DocumentLoader

END, V, S = 0, 9, 6
SMALL = GanConfig(
    length=S,
    generator=GeneratorConfig(width=8, heads=2, ff_width=16, mapping_layers=1, noise_blocks=1),
    critic=CriticConfig(width=8, heads=2, ff_width=16, blocks=1, dropout=0.0),
    penalty_every=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These models are too small to share out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def some_sentences(count: int = 8) -> Batch:
    torch.manual_seed(5)
    rows = torch.randint(1, V, (count, S))
    lengths = torch.randint(1, S, (count,))
    rows = torch.where(torch.arange(S) >= lengths[:, None], END, rows)
    weight = int(is_word(rows, END).sum())
    return Batch(inputs_BT=rows, targets_BT=rows, weight=weight, row_weight=weight / count)


def game(config: GanConfig) -> tuple[Gan, Game, Batch]:
    torch.manual_seed(0)
    model = GAN.build(config, vocab_size=V)
    return model, Game(model), some_sentences()


def test_a_sentence_ends_with_its_end() -> None:
    rows = torch.tensor([[3, 4, END, END], [END, 1, 2, END], [1, 2, 3, 4]])
    expected = [[True, True, True, False], [True, False, False, False], [True] * 4]
    assert is_word(rows, END).tolist() == expected


def test_the_likelihood_is_that_of_words_and_ends() -> None:
    model, game_, batch = game(SMALL)
    torch.manual_seed(1)
    loss = game_.likelihood(model.generator, batch)
    torch.manual_seed(1)
    hidden = model.generator(batch.inputs_BT, model.noise(len(batch.inputs_BT)))
    logp = model.generator.head(hidden).log_softmax(-1)
    expected = sum(
        -logp[row, place, word].item()
        for row, words in enumerate(batch.inputs_BT.tolist())
        for place, word in enumerate(words[: words.index(END) + 1])
    )
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    assert loss.weight == batch.weight


@pytest.mark.parametrize("gradient", ["soft", "straight-through", "gumbel"])
@pytest.mark.parametrize("penalty", ["none", "gradient", "zero-centred"])
@pytest.mark.parametrize(
    ("kind", "objective"), [("transformer", "relativistic"), ("convolution", "wasserstein")]
)
def test_both_sides_learn_from_their_losses(
    gradient: str, penalty: str, kind: str, objective: str
) -> None:
    config = replace(
        SMALL,
        gradient=gradient,
        penalty=penalty,
        objective=objective,
        critic=replace(SMALL.critic, kind=kind, filters=4),
    )
    model, game_, batch = game(config)
    loss = game_.criticise(model.critic, batch)
    (loss.total / loss.weight).backward()
    for name, parameter in model.critic.named_parameters():
        # softmax takes no notice of what a bias of the keys adds to all scores alike
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    assert (loss.metrics.keys() >= {"penalty"}) == (penalty != "none")
    model.zero_grad()
    model.critic.requires_grad_(False)
    loss = game_.generate(model.generator, batch)
    (loss.total / loss.weight).backward()
    assert all(parameter.grad is None for parameter in model.critic.parameters())
    for name, parameter in model.generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_the_adversary_moves_the_generator_without_an_anchor() -> None:
    model, game_, batch = game(replace(SMALL, anchor=0.0))
    loss = game_.generate(model.generator, batch)
    loss.total.backward()
    assert model.generator.head.weight.grad.abs().max() > 0
    assert "nats_per_token" not in loss.metrics


def test_losses_add_up_over_micro_batches() -> None:
    model, game_, batch = game(
        replace(
            SMALL,
            penalty="none",
            generator=replace(
                SMALL.generator,
                block_noise="none",
                token_input="start",
                feedback="argmax",
                mapping_layers=0,
                noise_blocks=0,
            ),
        )
    )
    whole = game_.generate(model.generator, batch)
    halves = []
    for rows in batch.inputs_BT.chunk(2):
        part = replace(batch, inputs_BT=rows, targets_BT=rows)
        halves.append(game_.generate(model.generator, part).metrics["adversarial"])
    torch.testing.assert_close(sum(halves), whole.metrics["adversarial"])


def test_the_generator_learns_from_what_the_critic_read_once() -> None:
    model, game_, batch = game(SMALL)
    written = []
    model.generator.register_forward_hook(lambda _, inputs, __: written.append(inputs[0]))
    game_.criticise(model.critic, batch)
    kept = game_._written
    assert kept is not None
    game_.generate(model.generator, batch)
    assert torch.equal(written[-1][: len(kept[1])], kept[1])
    game_.generate(model.generator, batch)
    assert not torch.equal(written[-1][: len(kept[1])], kept[1])
    model, game_, batch = game(replace(SMALL, generator_writes=True))
    model.generator.register_forward_hook(lambda _, inputs, __: written.append(inputs[0]))
    game_.criticise(model.critic, batch)
    kept = game_._written
    assert kept is not None
    game_.generate(model.generator, batch)
    assert not torch.equal(written[-1][: len(kept[1])], kept[1])


def test_a_likelihood_now_and_then_weighs_as_much() -> None:
    model, game_, batch = game(replace(SMALL, anchor_every=4))
    torch.manual_seed(0)
    losses = [game_.generate(model.generator, batch) for _ in range(200)]
    with_anchor = [loss for loss in losses if "nats_per_token" in loss.metrics]
    assert 30 < len(with_anchor) < 70
    for loss in with_anchor[:5]:
        adversarial = loss.metrics["adversarial"]
        expected = adversarial + 0.5 * 4 * loss.metrics["nats_per_token"]
        torch.testing.assert_close(loss.total, expected)


def test_gumbel_noise_given_the_word_is_gumbel_noise() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([1.0, -0.5, 0.3, -2.0]).expand(200_000, 1, 4)
    tokens = torch.multinomial(logits[:, 0].softmax(-1), 1)
    noise = gumbel_given(logits, tokens, torch.rand_like(logits))
    assert torch.equal((logits + noise).argmax(-1), tokens)
    # over words drawn from the softmax the noise is Gumbel's again, word by word and independent
    euler = 0.5772157
    assert noise.mean((0, 1)).tolist() == pytest.approx([euler] * 4, abs=0.02)
    assert noise.var((0, 1)).tolist() == pytest.approx([torch.pi**2 / 6] * 4, abs=0.04)
    correlations = torch.corrcoef(noise[:, 0].T) - torch.eye(4)
    assert correlations.abs().max() < 0.015


# --- documents ---


def stream(*documents: list[int]) -> SimpleNamespace:
    ids = np.array([token for document in documents for token in [*document, END]])
    return SimpleNamespace(ids=ids, __len__=lambda: len(ids))


def documents_of(source: SimpleNamespace, **options: object) -> DocumentLoader:
    window = Window(length=S, shift=0, cut="documents")
    settings = {"batch_size": 2, "seed": 0, "place": torch.from_numpy, **options}
    return DocumentLoader(source, window=window, end_id=END, **settings)


def test_every_document_comes_once_an_epoch() -> None:
    loader = documents_of(stream([1], [2, 2], [3] * 5, [4] * 6, [], [5, 6, 7]))
    assert len(loader) == 4
    assert loader.num_left_out == 1
    rows = torch.cat([loader.batch(number).inputs_BT for number in range(4)]).tolist()
    expected = [[1] + [END] * 5, [2, 2] + [END] * 4, [3] * 5 + [END], [5, 6, 7] + [END] * 3]
    assert sorted(rows[:4]) == sorted(rows[4:]) == sorted(expected)
    assert rows[:4] != expected or rows[4:] != expected
    assert loader.batch(0).weight == sum(row.index(END) + 1 for row in rows[:2])
    again = documents_of(stream([1], [2, 2], [3] * 5, [4] * 6, [], [5, 6, 7]))
    assert again.batch(3).inputs_BT.tolist() == rows[6:]


def test_a_batch_may_be_larger_than_the_data() -> None:
    batch = documents_of(stream([1], [2]), batch_size=5).batch(0)
    assert len(batch.inputs_BT) == 5


def test_documents_that_are_all_too_long_are_refused() -> None:
    with pytest.raises(TextError, match="at most 6 tokens.* found 2 documents, the shortest of 8"):
        documents_of(stream([1] * 7, [2] * 9))
    with pytest.raises(TextError, match="found 0 documents"):
        documents_of(stream([], []))


# --- runs ---


@pytest.fixture
def sayings(tmp_path: Path) -> Path:
    subjects, verbs = ("a cat", "the dog", "my old friend"), ("sees", "hears", "likes")
    lines = [f"{one} {verb} {other}" for one in subjects for verb in verbs for other in subjects]
    path = tmp_path / "sayings.txt"
    path.write_text("\n".join(lines * 4))
    return path


TINY = [
    "tokenizer.vocab_size=300",
    "data.split_by=tail",
    "train.steps=8",
    "train.max_seconds=none",
    "train.batch_size=4",
    "train.save_every=3",
    "train.keep_checkpoints=5",
    "train.log_every=1",
    "train.threads=1",
    "model.length=10",
    "model.generator.width=8",
    "model.critic.width=8",
    "model.likelihood_share=0.3",
    "model.critic_share=0.3",
]


def tiny_run(sayings: Path, out: Path, *more: str) -> primetone.Run:
    return primetone.train("gan", sayings, out, overrides=[*TINY, *more])


def lines_of(run: primetone.Run) -> Iterator[dict]:
    from primetone.training.metrics import read_metrics

    return read_metrics(run.metrics_path)


def test_phases_begin_and_end_where_they_should(sayings: Path, tmp_path: Path) -> None:
    run = tiny_run(sayings, tmp_path / "run")
    phases = [
        {name for name in ("likelihood", "critic", "generator") if f"{name}_loss" in line}
        for line in lines_of(run)
        if line["event"] == "train"
    ]
    expected = [{"likelihood"}] * 3 + [{"critic"}] * 2 + [{"critic", "generator"}] * 3
    assert phases == expected
    assert any("nats_per_token" in line for line in lines_of(run) if line["event"] == "evaluate")


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    ema: float, sayings: Path, tmp_path: Path
) -> None:
    more = f"train.ema={ema}"
    whole = tiny_run(sayings, tmp_path / "whole", more)
    expected, lines = whole.model().state_dict(), list(lines_of(whole))
    for stop in (3, 6):  # in the middle of the critic's time alone, and of both
        out = tmp_path / f"stopped{stop}"
        shutil.copytree(tmp_path / "whole", out)
        for step in (step for step in (3, 6, 8) if step > stop):
            shutil.rmtree(out / "checkpoints" / f"step_{step}")
        (out / "checkpoints" / "latest").write_text(f"step_{stop}\n")
        run = primetone.train("gan", None, out, overrides=[*TINY, more], resume="auto")
        for name, weight in run.model().state_dict().items():
            assert torch.equal(weight, expected[name]), name
        for mine, theirs in zip(lines_of(run), lines, strict=True):
            clocks = ("elapsed_seconds", "tokens_per_second", "mfu", "memory_bytes", "path")
            assert [v for k, v in mine.items() if k not in clocks] == [
                v for k, v in theirs.items() if k not in clocks
            ]


def test_generated_text_follows_its_seeds(sayings: Path, tmp_path: Path) -> None:
    run = tiny_run(sayings, tmp_path / "run")

    def write(**options: object) -> str:
        return "".join(run.generate(**options))

    assert write(seed=3) == write(seed=3)
    assert len({write(seed=seed) for seed in range(6)}) > 1
    end_id = run.tokenizer.eos_id

    def first(**seeds: int) -> Tensor:
        return run.family.writer(run.model(), eos_id=end_id, **seeds).prefill([])

    assert torch.equal(first(seed=1, style_seed=2), first(seed=1, style_seed=2))
    assert not torch.equal(first(seed=1, style_seed=2), first(seed=1, style_seed=3))
    assert not torch.equal(first(seed=1, style_seed=2), first(seed=4, style_seed=2))
    for seed in range(4):
        writer = run.family.writer(run.model(), eos_id=end_id, seed=seed)
        settings = run.sampling(seed=seed, temperature=5.0, max_tokens=100)
        assert len(list(write_tokens(writer, [], settings, eos_id=end_id))) <= 10
    assert write(prompt="a cat", seed=1) == write(prompt="a cat", seed=1)
    with pytest.raises(ConfigError, match="cannot chat: it can generate"):
        run.speaker()


def test_a_tokenizer_without_an_end_is_refused(sayings: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="token that ends a text"):
        tiny_run(sayings, tmp_path / "run", "tokenizer.kind=char", "tokenizer.specials=none")


def test_the_recipes_build(tmp_path: Path) -> None:
    for name in (name for name in recipe_names() if name.startswith("gan")):
        recipe = load_recipe(name)
        with torch.device("meta"):
            model = family("gan").build(recipe.model, vocab_size=100)
        assert family("gan").phases(model, recipe.model)


def test_texts_in_memory_are_sentences_too(tmp_path: Path) -> None:
    corpus = Corpus.from_texts(["one two", "two three", "three one"] * 9)
    run = primetone.train("gan", corpus, tmp_path / "run", overrides=TINY)
    assert "".join(run.generate(seed=1)) is not None


def test_sentences_stand_beside_real_ones(sayings: Path, tmp_path: Path) -> None:
    run = tiny_run(sayings, tmp_path / "run")
    report = run.evaluate_samples(sayings, count=12, temperatures=(1.0, 0.0))
    assert [*report.rows][-2:] == ["model, T 1", "model, T 0"]
    assert (report.num_samples, report.num_references) == (12, 108)
    assert report.rows["real"].bleu[-1] == pytest.approx(1.0)
    again = run.evaluate_samples(sayings, count=12, temperatures=(1.0, 0.0))
    assert again.to_dict() == report.to_dict()
    end_id = run.tokenizer.eos_id
    written = run.family.sentences(run.model(), count=300, end_id=end_id, seed=1)
    assert len(written) == 300
    assert all(len(ids) <= 10 and end_id not in ids for ids in written)
    assert written[:3] != run.family.sentences(run.model(), count=3, end_id=end_id, seed=2)
    with pytest.raises(ConfigError, match="cannot score"):
        run.evaluate()
