"""What each bad input says, and that nothing is lost by it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from command_line import TINY, Call, Outcome, assert_one_line_error
from primetone.run.environment import changed_environment

VERBS = (
    "ingest",
    "learn",
    "convert",
    "encode",
    "decode",
    "vocab",
    "sentences",
    "train",
    "tune",
    "evaluate",
    "generate",
    "chat",
    "plot",
    "compare",
    "inspect",
    "demo",
)


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
    assert_one_line_error(call("learn", one, "--out", one / "t.json"), 1, one.name)


def test_what_cannot_be_written_is_refused_before_a_word_is_read(
    call: Call, tmp_path: Path
) -> None:
    text, folder = tmp_path / "none.txt", tmp_path / "folder"  # the text is not even there
    folder.mkdir()
    (tmp_path / "file").touch()
    lost = tmp_path / "file" / "t.json"
    assert_one_line_error(call("learn", text, "--out", lost), 1, "cannot create", "file")
    assert_one_line_error(call("count", text, "--out", lost), 1, "cannot create", "file")
    assert_one_line_error(call("learn", text, "--out", folder), 1, "folder")
    assert_one_line_error(call("learn", text, "--out", tmp_path / "t.xyz"), 1, "t.xyz", "format")
    tekken = call("learn", text, "--out", tmp_path / "tekken.json")
    assert_one_line_error(tekken, 2, "--tie raw", "--renumber")
    sizes = ("--vocab-size", "300,400")
    assert_one_line_error(call("learn", text, *sizes), 2, "give a folder by --out")
    assert_one_line_error(call("learn", text, *sizes, "--out", lost), 2, "t.json")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_options_that_contradict_each_other(call: Call, tmp_path: Path) -> None:
    text, counts = tmp_path / "a.txt", tmp_path / "a.counts"
    text.write_text("one two one three")
    out = ("--out", tmp_path / "t.json")
    both = ("--split", "gpt2", "--pattern", "a+")
    assert_one_line_error(call("learn", text, *both, *out), 1, "split 'gpt2' and a pattern")
    assert_one_line_error(call("count", text, *both, "--out", counts), 1, "and a pattern")
    assert call("count", text, "--out", counts).code == 0
    read = call("learn", "--from-counts", counts, "--per", "line", *out)
    assert_one_line_error(read, 2, "counts were read already")
    marked = call("learn", text, "--per", "line", "--separator", "x", *out)
    assert_one_line_error(marked, 1, "leave one out")
    huge = call("learn", text, "--max-memory", "99999999TiB", *out)
    assert_one_line_error(huge, 1, "fewer than 2^63 bytes")
    rare = call("learn", text, "--min-word-count", 1000, *out)
    assert_one_line_error(rare, 1, "none of the 4 distinct words occurs 1000 times")
    assert not (tmp_path / "t.json").exists()


def test_documents_divided_by_a_separator(call: Call, tmp_path: Path) -> None:
    text, lines = tmp_path / "a.txt", tmp_path / "b.txt"
    text.write_text("one two<|endoftext|>one three")
    lines.write_text("one two\none three")
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    size = ("--vocab-size", 265)
    divided = call("learn", text, "--separator", "<|endoftext|>", *size, "--out", one)
    assert "2 documents" in divided.out
    assert call("learn", lines, "--per", "line", *size, "--out", other).code == 0
    assert one.read_bytes() == other.read_bytes()


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
    assert_one_line_error(call("learn", text, "--kind", "word", "--tie", "raw"), 2, "--tie")
    assert_one_line_error(call("learn", text, "--kind", "char", "--split", "gpt2"), 2, "--split")


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
