"""The whole path through the command line with tiny settings, and what each bad input says."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from primetone.cli import main
from primetone.run.environment import changed_environment

VERBS = (
    "learn",
    "convert",
    "encode",
    "decode",
    "train",
    "evaluate",
    "generate",
    "chat",
    "plot",
    "compare",
    "inspect",
    "demo",
)
TINY = (
    "model.layers=1",
    "model.heads=2",
    "model.width=16",
    "model.context=16",
    "train.batch_size=4",
    "train.eval_tokens=256",
    "train.threads=1",
    "train.save_every=5",
    "train.log_every=2",
    "schedule.name=constant",
    "schedule.warmup_steps=2",
    "tokenizer.vocab_size=300",
    "generate.max_tokens=8",
)
COMMAND = (sys.executable, "-m", "primetone")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Outcome]


@pytest.fixture
def call(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Call]:
    """Run the command line in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*words: object, stdin: str | bytes = "") -> Outcome:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        capsysbinary.readouterr()
        code = main([str(word) for word in words])
        out, err = capsysbinary.readouterr()
        return Outcome(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 20 kB of prose with characters of one to four bytes."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    sentences = [
        f"Sentence {number} says that {number * number} naïve 猫 cats 🐈 sat on mat {number % 7}.\n"
        for number in range(330)
    ]
    path.write_text("".join(sentences), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def made(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tokenizer.json, store/ and a trained run/."""
    folder = tmp_path_factory.mktemp("made")
    tokenizer, store, run = folder / "tokenizer.json", folder / "store", folder / "run"
    steps: Sequence[Sequence[object]] = (
        ("learn", text, "--vocab-size", 300, "--out", tokenizer),
        ("encode", tokenizer, text, "--out", store),
        ("train", "decoder", "--data", store, "--out", run, "train.steps=10", *TINY),
    )
    for words in steps:
        assert main([str(word) for word in words]) == 0
    return folder


def assert_one_line_error(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("primetone: error: "), outcome.err
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


# The path


def test_encode_and_decode_are_inverse(call: Call, made: Path, text: Path) -> None:
    ids = call("encode", made / "tokenizer.json", text)
    assert ids.code == 0
    assert ids.err == ""
    back = call("decode", made / "tokenizer.json", stdin=ids.out)
    assert back.out == text.read_text(encoding="utf-8")
    as_json = call("decode", made / "tokenizer.json", stdin=json.dumps([72, 105]))
    assert as_json.code == 0


def test_encode_reads_standard_input(call: Call, made: Path) -> None:
    ids = call("encode", made / "tokenizer.json", "-", stdin="naïve cats")
    assert call("decode", made / "tokenizer.json", stdin=ids.out).out == "naïve cats"


def test_learn_reports_as_json(call: Call, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    outcome = call("learn", text, "--vocab-size", 280, "--out", out, "--json")
    facts = json.loads(outcome.out)
    assert facts["vocab_size"] == 280
    assert facts["kind"] == "bpe"
    assert call("inspect", "tokenizer", out, "--json").out.count(facts["fingerprint"]) == 1


@pytest.mark.parametrize("kind", ["char", "byte", "word"])
def test_the_other_kinds_learn_and_round_trip(
    call: Call, text: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "t.json"
    size = ("--vocab-size", 2000) if kind == "word" else ()
    assert call("learn", text, "--kind", kind, *size, "--out", out).code == 0
    ids = call("encode", out, text)
    assert call("decode", out, stdin=ids.out).out == text.read_text(encoding="utf-8")


def test_a_run_is_complete(made: Path) -> None:
    names = {path.name for path in (made / "run").iterdir()}
    assert {
        "checkpoints",
        "data.json",
        "environment.json",
        "manifest.json",
        "metrics.jsonl",
        "recipe.json",
        "samples",
        "tokenizer.json",
    } <= names
    assert (made / "run/checkpoints/step_10/model.safetensors").is_file()
    recipe = json.loads((made / "run/recipe.json").read_text())["recipe"]
    assert recipe["train"]["steps"] == 10
    assert recipe["model"]["width"] == 16


def test_evaluate_gives_figures_and_baselines_by_name(call: Call, made: Path, text: Path) -> None:
    figures = json.loads(call("evaluate", made / "run", "--json").out)
    assert 0 < figures["nats_per_token"] < 6
    assert 0 < figures["bits_per_byte"] < 8
    assert {"ngram_1", "ngram_best", "xz"} <= set(figures["baselines"])
    table = call("evaluate", made / "run", "--text", text)
    assert table.code == 0
    assert "bits per byte" in table.out
    assert table.err == ""


def test_generate_is_a_function_of_its_seed(call: Call, made: Path) -> None:
    words = ("generate", made / "run", "--prompt", "Sentence", "--tokens", 12, "--top-k", 20)
    first = call(*words, "--seed", 1)
    assert first.code == 0
    assert first.out.startswith("Sentence")
    assert call(*words, "--seed", 1).out == first.out
    samples = json.loads(call(*words, "--seed", 1, "--samples", 2, "--json").out)
    assert [sample["seed"] for sample in samples] == [1, 2]
    assert "Sentence" + samples[0]["text"] + "\n" == first.out
    long_prompt = call("generate", made / "run", "--prompt", "cats " * 100, "--tokens", 3)
    assert long_prompt.code == 0


def test_prompts_and_seeds_that_cannot_be(call: Call, made: Path) -> None:
    generate = ("generate", made / "run", "--tokens", 2)
    assert_one_line_error(call(*generate, "--seed", 1 << 64), 1, "generate.seed")
    assert call(*generate, "--seed", (1 << 64) - 1).code == 0
    broken = call(*generate, "--prompt", "-", stdin=b"ab\xff")
    assert_one_line_error(broken, 1, "UTF-8", "0xff at offset 2")
    assert_one_line_error(call(*generate, "--prompt", "a\udcff"), 1, "UTF-8", "0xff at offset 1")
    assert call(*generate, "--prompt", "-", stdin="猫").out.startswith("猫")


def test_plot_draws_the_curves(call: Call, made: Path, tmp_path: Path) -> None:
    paths = call("plot", made / "run", "--out", tmp_path).out.split()
    assert tmp_path / "loss.png" in map(Path, paths)
    assert all(Path(path).stat().st_size > 1000 for path in paths)


def test_inspect_shows_what_there_is(call: Call, made: Path) -> None:
    listed = call("inspect", "recipe")
    assert "char-classic" in listed.out
    rows = json.loads(call("inspect", "recipe", "decoder", "train.steps=7", "--json").out)
    steps = next(row for row in rows if row["path"] == "train.steps")
    assert steps["value"] == 7
    assert steps["source"] == "command line"
    assert steps["help"]
    assert "train.max_seconds" in call("inspect", "recipe", "char").out
    store = json.loads(call("inspect", "store", made / "store", "--json").out)
    assert store["num_documents"] == 1
    run = json.loads(call("inspect", "run", made / "run", "--json").out)
    assert run["latest_step"] == 10
    assert run["num_parameters"] > 1000
    keys = {row["path"]: row for row in run["recipe"]}
    assert keys["train.batch_size"]["value"] == 4
    assert keys["train.batch_size"]["help"]
    assert "train.batch_size" in call("inspect", "run", made / "run").out
    assert call("inspect", "tokenizer", made / "tokenizer.json").out.startswith("kind")


def test_counts_are_made_added_and_learned_from(call: Call, text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("another shard of text " * 50)
    parts = [tmp_path / "a.counts", tmp_path / "b.counts"]
    assert call("count", text, "--out", parts[0], "--shard-id", "one").code == 0
    outcome = call("count", other, "--out", parts[1], "--max-memory", "32MiB", "--json")
    assert json.loads(outcome.out)["num_bytes"] == other.stat().st_size
    total = tmp_path / "all.counts"
    assert call("merge-counts", *parts, "--out", total).code == 0
    swapped = tmp_path / "swapped.counts"
    assert call("merge-counts", *reversed(parts), "--out", swapped).code == 0
    assert total.read_bytes() == swapped.read_bytes()
    sizes = tmp_path / "sizes"
    words = ("learn", "--from-counts", total, "--vocab-size")
    assert call(*words, "300,280,400", "--out", sizes).code == 0
    for size in (280, 300, 400):
        alone = tmp_path / f"{size}.json"
        assert call("learn", text, other, "--vocab-size", size, "--out", alone).code == 0
        assert alone.read_bytes() == (sizes / f"tokenizer-{size}.json").read_bytes()
    extended = tmp_path / "extended.json"
    outcome = call(*words, 400, "--extend", tmp_path / "280.json", "--out", extended)
    assert outcome.code == 0
    assert extended.read_bytes() == (tmp_path / "400.json").read_bytes()
    assert_one_line_error(
        call("merge-counts", total, parts[0], "--out", swapped), 1, "one", "twice"
    )
    assert_one_line_error(call(*words, 300, text), 2, "not both")
    assert_one_line_error(call(*words, "300;400", "--out", sizes), 2, "300;400")
    assert_one_line_error(call("merge-counts", "--out", swapped), 2, "at least one")
    assert_one_line_error(call("merge-counts", text, "--out", swapped), 1, "primetone count")
    parts[0].write_bytes(parts[0].read_bytes()[:-3])
    assert_one_line_error(call("merge-counts", *parts, "--out", swapped), 1, "a.counts", "damaged")
    gpt2 = call("count", text, "--split", "gpt2", "--out", parts[0])
    assert gpt2.code == 0
    assert_one_line_error(call("merge-counts", *parts, "--out", swapped), 1, "gpt2", "gpt4")
    tiny = call("count", text, "--max-memory", "1kB", "--out", swapped)
    assert_one_line_error(tiny, 1, "16MiB")
    assert total.read_bytes() == swapped.read_bytes()


def test_broken_shards_and_progress(call: Call, text: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "fine"}\n{"text":')
    out = tmp_path / "out.counts"
    assert_one_line_error(call("count", text, broken, "--out", out), 1, "broken.jsonl", "line 2")
    assert not out.exists()
    outcome = call("count", text, broken, "--out", out, "--skip-broken")
    assert outcome.code == 0 and "left out" in outcome.err and "broken.jsonl" in outcome.err
    learned = tmp_path / "t.json"
    outcome = call("learn", text, "--progress", "--out", learned, "--vocab-size", 300)
    assert outcome.code == 0 and "primetone: " in outcome.err
    piped = call("learn", "-", "--vocab-size", 300, "--out", learned, stdin=text.read_bytes())
    assert piped.code == 0 and "1 document" in piped.out


def test_training_from_text_learns_its_own_tokenizer(
    call: Call, text: Path, tmp_path: Path
) -> None:
    outcome = call(
        "train", "char", "--data", text, "--out", tmp_path / "run", "train.steps=2", *TINY
    )
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "run/data/train/ids.bin").is_file()
    assert "bits per byte" in outcome.out


def test_resuming_goes_on_to_the_same_weights(call: Call, made: Path, tmp_path: Path) -> None:
    words = ("train", "decoder", "--data", made / "store", "--out", tmp_path / "run", *TINY)
    assert call(*words, "train.steps=5").code == 0
    assert call(*words, "--resume", "auto", "train.steps=10").code == 0
    name = "checkpoints/step_10/model.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (made / "run" / name).read_bytes()
    changes = json.loads((tmp_path / "run/changes.json").read_text())
    assert changes[0]["values"] == {"train.steps": 10}
    assert call(*words, "--resume", "auto", "train.steps=10").code == 0  # nothing left to do


# Bad input


def test_another_processor_is_noted(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made / "run" / "environment.json"
    assert "cpu" not in changed_environment(path)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OLD")
    assert "cpu was" in changed_environment(path)


def test_texts_that_cannot_be_learned_from(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    empty, one, bad = tmp_path / "empty.txt", tmp_path / "one.txt", tmp_path / "bad.txt"
    empty.write_bytes(b"")
    one.write_bytes(b"a")
    bad.write_bytes(b"fine so far \xff\xfe")
    assert_one_line_error(call("learn", empty, "--out", out), 1, "empty.txt")
    assert_one_line_error(call("learn", bad, "--out", out), 1, "bad.txt", "12")
    assert_one_line_error(call("learn", tmp_path / "none.txt", "--out", out), 1, "none.txt")
    assert_one_line_error(call("learn", one, "--vocab-size", 100, "--out", out), 1, "100")
    assert not out.exists()
    assert call("learn", one, "--vocab-size", 257, "--out", out).code in (0, 1)
    assert_one_line_error(call("learn", "--out", out), 2, "at least one text")
    assert_one_line_error(call("learn", one, "--out", tmp_path / "no/such/t.json"), 1, "no/such")


def test_a_vocabulary_that_the_text_cannot_fill(call: Call, tmp_path: Path) -> None:
    small = tmp_path / "small.txt"
    small.write_text("the cat sat")
    outcome = call("learn", small, "--vocab-size", 4000, "--out", tmp_path / "t.json")
    assert outcome.code == 0
    assert "of the 4,000 tokens asked for" in outcome.err


def test_the_demo_walks_the_whole_path(call: Call, text: Path, tmp_path: Path) -> None:
    outcome = call("demo", "--text", text, "--seconds", 1, "--out", tmp_path / "demo")
    assert outcome.code == 0, outcome.err
    steps = re.findall(r"^\d (\w+)", outcome.out, re.MULTILINE)
    assert steps == ["text", "learn", "encode", "train", "evaluate", "generate"]
    assert "the best n-gram model" in outcome.out
    assert "xz" in outcome.out
    assert outcome.out.count("--- seed") == 3
    assert "--resume auto" in outcome.out
    assert (tmp_path / "demo/checkpoints/latest").is_file()


def test_the_text_of_the_demo_is_there() -> None:
    from primetone import demo

    corpus, name = demo.read_demo_text(None)
    assert corpus.num_bytes >= demo.ENOUGH_BYTES
    assert "Python" in name
    assert sum(map(len, demo._docstrings())) >= demo.ENOUGH_BYTES  # where there is no manual


def test_train_refuses_before_it_touches_anything(call: Call, text: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def train(recipe: str, *words: object) -> Outcome:
        return call("train", recipe, "--data", text, "--out", run, *words)

    assert_one_line_error(train("decodr"), 1, "decodr", "did you mean 'decoder'")
    assert_one_line_error(train("decoder", "train.stepz=3"), 1, "did you mean train.steps?")
    assert_one_line_error(train("decoder", "train.steps=x"), 1, "train.steps", '"x"')
    assert_one_line_error(train("decoder", "stray"), 2, "key=value", "stray")
    assert_one_line_error(train("decoder", str(text)), 2, "repeat --data")
    assert_one_line_error(call("train", "decoder", "--out", run), 2, "--data")
    assert_one_line_error(train("decoder", *TINY, "model.context=100000"), 1, "context")
    if not torch.cuda.is_available():
        assert_one_line_error(train("decoder", *TINY, "train.device=cuda"), 1, "cuda")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_kept(call: Call, made: Path, text: Path, tmp_path: Path) -> None:
    run, store = made / "run", made / "store"
    before = (run / "recipe.json").read_bytes()
    words = ("train", "decoder", "--data", store, "--out", run, *TINY)
    assert_one_line_error(call(*words, "train.steps=12"), 1, "holds a run already", "--resume auto")
    changed = call(*words, "--resume", "auto", "train.steps=10", "model.width=32", "train.seed=9")
    assert_one_line_error(changed, 1, "model.width (was 16, now 32)", "train.seed")
    other = call(
        "train",
        "decoder",
        "--data",
        text,
        "--out",
        run,
        "--resume",
        "auto",
        "train.steps=10",
        *TINY,
    )
    assert_one_line_error(other, 1, "other data")
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy/file").write_text("mine")
    busy = call("train", "decoder", "--data", store, "--out", tmp_path / "busy", *TINY)
    assert_one_line_error(busy, 1, "expected a new directory")
    assert (run / "recipe.json").read_bytes() == before


def test_a_run_in_training_is_left_as_it_is(call: Call, made: Path) -> None:
    run = made / "run"
    words = ("train", "decoder", "--out", run, "--resume", "auto", "train.steps=12", *TINY)
    holder = os.open(run, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        assert_one_line_error(call(*words), 1, "being trained by another process")
    finally:
        os.close(holder)
    assert not (run / "changes.json").exists(), "what was refused has changed nothing"


def test_training_needs_no_locks(
    call: Call, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    words = ("train", "decoder", "--data", made / "store", "--out", tmp_path / "run", *TINY)
    assert call(*words, "train.steps=1").code == 0


def test_a_store_of_another_tokenizer_is_refused(
    call: Call, made: Path, text: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    call("learn", text, "--vocab-size", 290, "--out", other)
    outcome = call(
        "train", "decoder", "--data", made / "store", "--tokenizer", other,
        "--out", tmp_path / "run", *TINY,
    )  # fmt: skip
    assert_one_line_error(outcome, 1, "tokenizer")
    assert not (tmp_path / "run").exists()


def test_a_recipe_for_characters_refuses_other_tokens(
    call: Call, made: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    outcome = call("train", "char", "--data", made / "store", "--out", run, *TINY)
    assert_one_line_error(outcome, 1, "char", "bpe", "tokenizer.kind=bpe")
    assert not run.exists()


def flip(path: Path, *, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 0x10
    path.write_bytes(data)


def cut(path: Path, *, at: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * at)])


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize(
    "name",
    [
        "recipe.json",
        "tokenizer.json",
        "data.json",
        "manifest.json",
        "checkpoints/latest",
        "checkpoints/step_10/model.safetensors",
        "checkpoints/step_10/manifest.json",
    ],
)
def test_a_damaged_run_says_so(
    call: Call, made: Path, tmp_path: Path, name: str, damage: Callable[..., None]
) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(made / "run", run)
    damage(run / name, at=0.5)
    outcome = call("generate", run, "--tokens", 2)
    assert_one_line_error(outcome, 1)


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("name", ["ids.bin", "documents.npy", "store.json", "tokenizer.json"])
def test_a_damaged_store_says_so(
    call: Call, made: Path, tmp_path: Path, name: str, damage: Callable[..., None]
) -> None:
    import shutil

    store = tmp_path / "store"
    shutil.copytree(made / "store", store)
    damage(store / name, at=0.5)
    assert_one_line_error(call("inspect", "store", store), 1)
    words = ("train", "decoder", "--data", store, "--out", tmp_path / "run", *TINY)
    assert_one_line_error(call(*words), 1)
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_that_is_none(call: Call, made: Path, text: Path, tmp_path: Path) -> None:
    bad = tmp_path / "tokenizer.json"
    bad.write_bytes((made / "tokenizer.json").read_bytes()[:1000])
    assert_one_line_error(call("encode", bad, text), 1, "tokenizer.json")
    assert_one_line_error(call("encode", tmp_path / "none.json", text), 1, "none.json")
    exists = call("encode", made / "tokenizer.json", text, "--out", made / "store")
    assert_one_line_error(exists, 1, "store", "exists")


def test_ids_that_are_none(call: Call, made: Path) -> None:
    tokenizer = made / "tokenizer.json"
    for stdin, word in (("1 2 x", "'x'"), ("99999999", "99999999"), ("-3", "'-3'"), ("1.5", "1.5")):
        outcome = call("decode", tokenizer, stdin=stdin)
        assert outcome.code == 1
        assert word in outcome.err
    assert call("decode", tokenizer, stdin=b"\xff\xfe").code == 1
    assert call("decode", tokenizer, stdin="").out == ""
    assert call("decode", tokenizer, stdin="9" * 200_000).code == 1


def test_prompts_with_unknown_characters(call: Call, text: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    call("train", "char", "--data", text, "--out", run, "train.steps=1", *TINY)
    outcome = call("generate", run, "--prompt", "Ω", "--tokens", 2)
    assert outcome.code == 1
    assert "Ω" in outcome.err
    assert "Traceback" not in outcome.err
    assert_one_line_error(call("generate", run, "--temperature", "-1"), 1, "temperature")
    assert_one_line_error(call("generate", run, "--step", "77"), 1, "77")
    assert_one_line_error(call("generate", tmp_path), 1, "is not a run")


def test_wrong_usage_is_code_two(call: Call, text: Path) -> None:
    assert_one_line_error(call("lern"), 2, 'Did you mean "learn"')
    assert_one_line_error(call("learn", text, "--vocab", 3), 2, "--vocab")
    assert_one_line_error(call("learn", text, "--vocab-size", "many"), 2, "many")
    assert_one_line_error(call("train"), 2, "RECIPE")
    assert_one_line_error(call("learn", text, "--kind", "char", "--vocab-size", 9), 2, "char")


def test_help_has_an_example_for_every_verb(call: Call) -> None:
    assert call().code == 0
    top = call("--help")
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b", top.out)
        shown = call(verb, "--help")
        assert shown.code == 0
        assert "For example:" in shown.out
        assert f"primetone {verb}" in shown.out
    assert call("--version").out.startswith("primetone ")


def test_a_full_disk_loses_nothing(call: Call, text: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "tokenizer.json"
    assert call("learn", text, "--vocab-size", 300, "--out", out).code == 0
    before = out.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        outcome = call("learn", text, "--vocab-size", 310, "--out", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert_one_line_error(outcome, 1, "tokenizer.json")
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


# Processes


def start(*words: object, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stderr=subprocess.PIPE,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options},  # type: ignore[arg-type]
    )


def test_a_broken_pipe_is_silent(made: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text("72 105 " * 200_000)
    with ids.open("rb") as stdin:
        child = start("decode", made / "tokenizer.json", stdin=stdin)
        assert child.stdout is not None
        child.stdout.read(10)
        child.stdout.close()
        with child:
            assert child.stderr is not None
            assert child.stderr.read() == b""
        assert child.returncode == 0


def test_closed_and_full_outputs(made: Path) -> None:
    words = ("inspect", "tokenizer", made / "tokenizer.json")
    closed = start(*words, stdout=None, preexec_fn=lambda: os.close(1))
    assert closed.communicate(timeout=60)[1] == b""
    assert closed.returncode == 0
    no_input = start("decode", made / "tokenizer.json", stdin=None, preexec_fn=lambda: os.close(0))
    assert no_input.communicate(timeout=60) == (b"", b"")
    assert no_input.returncode == 0
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            child = start(*words, stdout=full)
            error = child.communicate(timeout=60)[1]
        assert child.returncode == 1
        assert error.startswith(b"primetone: error: cannot write the output: ")
        assert error.count(b"\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_not_lost_in_an_import(tmp_path: Path, number: int, code: int) -> None:
    """Some libraries import what is optional under an `except` that takes everything."""
    (tmp_path / "optional.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(10)\n"
    )
    program = (
        "import sys, primetone.cli as cli\n"
        "def run(words):\n"
        "    try:\n        import optional\n"
        "    except BaseException:\n        return 0\n"
        "cli._run = run\n"
        "sys.exit(cli.main([]))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == code, child.stderr
    assert b"Traceback" not in child.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_waiting_verbs_stop_on_signals(made: Path, number: int, code: int) -> None:
    """decode, encode and learn wait for standard input; the signal ends them in silence."""
    tokenizer = made / "tokenizer.json"
    children = [
        start("decode", tokenizer, stdin=subprocess.PIPE),
        start("encode", tokenizer, "-", stdin=subprocess.PIPE),
        start("learn", "-", "--out", made / "never.json", stdin=subprocess.PIPE),
    ]
    time.sleep(3)
    for child in children:
        child.send_signal(number)
    for child in children:
        error = child.communicate(timeout=30)[1]
        assert child.returncode == code, error
        assert b"Traceback" not in error
    assert not (made / "never.json").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_saves_when_it_is_stopped(
    call: Call, made: Path, tmp_path: Path, number: int, code: int
) -> None:
    run = tmp_path / "run"
    words = ("train", "decoder", "--data", made / "store", "--out", run, *TINY)
    quiet = ("train.save_every=0", "train.steps=1000000")
    child = start(*words, *quiet)
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(number)
    out, error = child.communicate(timeout=60)
    assert child.returncode == code, error
    assert out == b""
    assert b"Traceback" not in error
    steps = [path.name for path in (run / "checkpoints").glob("step_*")]
    assert len(steps) == 1
    step = int(steps[0].removeprefix("step_"))
    resumed = call(*words, "train.save_every=0", f"train.steps={step + 2}", "--resume", "auto")
    assert resumed.code == 0, resumed.err
    assert (run / f"checkpoints/step_{step + 2}").is_dir()


def test_version_answers_at_once() -> None:
    """300 ms is the promise; the fastest of several, because machines have other things to do."""
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        done = subprocess.run([*COMMAND, "--version"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert done.stdout.startswith(b"primetone ")
    assert min(seconds) < 0.3


def test_no_colour_codes_reach_a_pipe() -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, check=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert b"\x1b" not in done.stdout
