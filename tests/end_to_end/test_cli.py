"""The whole path through the command line with tiny settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import TINY, Call, assert_one_line_error


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


def test_tokens_are_counted_by_file(call: Call, made: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "two cats"}\n{"text": "sat"}\n')
    (tmp_path / "empty.txt").write_text("")
    tokenizer = made / "tokenizer.json"
    found = json.loads(call("count-tokens", tokenizer, text, tmp_path, "--json").out)
    store = json.loads(call("inspect", "store", made / "store", "--json").out)
    assert found["files"][0]["num_tokens"] == store["num_tokens"] - store["num_documents"]
    by_name = {Path(row["path"]).name: row for row in found["files"]}
    assert by_name["b.jsonl"]["num_documents"] == 2
    assert by_name["empty.txt"]["num_tokens"] == 0
    for key in ("num_documents", "num_bytes", "num_tokens"):
        assert found["total"][key] == sum(row[key] for row in found["files"])
    table = call("count-tokens", tokenizer, text, tmp_path / "b.jsonl").out.splitlines()
    assert len(table) == 3
    assert table[-1].split()[1] == "total"
    from_stdin = call("count-tokens", tokenizer, "-", stdin="two cats")
    assert from_stdin.code == 0
    assert len(from_stdin.out.splitlines()) == 1
    assert_one_line_error(call("count-tokens", tokenizer), 2, "at least one text")
    assert_one_line_error(call("count-tokens", tokenizer, tmp_path / "no"), 1, "no")
    (tmp_path / "broken.txt").write_bytes(b"ab\xff")
    assert_one_line_error(call("count-tokens", tokenizer, tmp_path / "broken.txt"), 1, "0xff")


def test_tokenizers_are_compared(call: Call, made: Path, text: Path, tmp_path: Path) -> None:
    tokenizer, smaller = made / "tokenizer.json", tmp_path / "smaller.json"
    assert call("learn", text, "--vocab-size", 280, "--out", smaller).code == 0
    found = json.loads(call("compare-tokenizers", tokenizer, smaller, text, "--json").out)
    first, second = found["tokenizers"]
    assert first["vocab_size"] == 300
    assert first["num_tokens"] < second["num_tokens"]
    assert first["mb_per_second"] > 0
    assert len(found["first_differences"]) == 5
    place = found["first_differences"][0]
    data = text.read_bytes()[place["byte"] :].decode(errors="replace")
    assert data.startswith("".join(place["first"]).split("\\")[0])
    assert "".join(place["first"]) == "".join(place["second"])
    table = call("compare-tokenizers", tokenizer, smaller, text, "--show", 2)
    assert table.code == 0
    assert "where they first differ" in table.out
    assert table.out.count(", byte ") == 2
    assert "the same tokens" in call("compare-tokenizers", tokenizer, tokenizer, text).out
    silent = call("compare-tokenizers", tokenizer, smaller, text, "--show", 0)
    assert silent.code == 0
    assert "" not in silent.out.splitlines()
    words = tmp_path / "words.json"
    assert (
        call("learn", text, "--units", "characters", "--vocab-size", 100, "--out", words).code == 0
    )
    assert "not looked for" in call("compare-tokenizers", words, tokenizer, text).out
    assert_one_line_error(call("compare-tokenizers", tokenizer, tokenizer), 2, "at least one text")


def test_a_text_is_shown_in_tokens(call: Call, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = made / "tokenizer.json"
    words = ("inspect", "tokenizer", tokenizer, "--text")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    plain = call(*words, "Sentence 1\x1b[31m<|endoftext|>").out
    assert "│" in plain
    assert "\\x1b" in plain
    assert "\x1b" not in plain
    assert plain.splitlines()[-1].endswith("28 bytes")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[0m" in call(*words, "-", stdin="Sentence\x07 1").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call(*words, "Sentence").out
    spans = json.loads(call(*words, "a\udcff<|endoftext|>", "--json").out)
    assert [span["text"] for span in spans] == ["a", "\\xff", "<|endoftext|>"]
    assert [span["is_special"] for span in spans] == [False, False, True]
