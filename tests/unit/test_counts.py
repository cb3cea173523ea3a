"""Word counts: counted, added, saved, loaded, learned from; memory limits, faults, bad input."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from primetone.errors import ConfigError, FileError, FormatError, TextError
from primetone.text.corpus import Corpus
from primetone.text.counts import WordCounts
from primetone.text.memory import parse_bytes
from primetone.text.tokenizer import Tokenizer

TEXT = "It's 10 o'clock; the cat sat on the mat, naïve 猫 and all.\n\n"


def fresh_words(size_bytes: int, seed: int = 1) -> bytes:
    """Text with many different words."""
    draw = random.Random(seed)
    words: list[str] = []
    num_bytes = 0
    while num_bytes < size_bytes:
        words.append(" " + "".join(draw.choices("abcdefgh", k=draw.randint(2, 9))))
        num_bytes += len(words[-1])
    return "".join(words).encode()


def definition(*texts: str | bytes) -> dict[bytes, int]:
    byte = Tokenizer.learn(["x"], vocab_size=257)
    counts = Counter(piece for text in texts for piece in byte.pieces(text))
    return dict(sorted(counts.items()))


def test_counts_are_those_of_the_pieces() -> None:
    counts = WordCounts.count([TEXT, TEXT.encode()])
    assert counts.as_dict() == definition(TEXT, TEXT)
    assert len(counts) == len(counts.as_dict())
    assert counts.num_pieces == sum(counts.as_dict().values())
    assert counts.num_bytes == 2 * len(TEXT.encode())
    assert counts.split == "gpt4" and counts.pattern is None
    assert counts.shards == (counts.fingerprint,)
    assert counts.report["num_documents"] == 2
    assert counts.report["peak_memory_bytes"] > 1 << 20


def test_weights_and_mappings() -> None:
    plain = WordCounts.count(["low low", "lower", "lower", "lower"])
    assert WordCounts.count([("low low", 1), (b"lower", 3), ("never", 0)]) == plain
    assert WordCounts.count({"low low": 1, "lower": 3}) == plain
    heavy = WordCounts.count([("low low", 10**12), ("lower", 3 * 10**12)])
    learned = Tokenizer.learn(heavy, vocab_size=262)
    assert learned == Tokenizer.learn(plain, vocab_size=262)
    with pytest.raises(ConfigError, match="64 bits"):
        WordCounts.count([("ab", 2**63), ("ab", 2**63)])
    for wrong in [("a", -1), ("a", 2**64), ("a", 1.5), ("a",), ("a", 1, True, 2)]:
        with pytest.raises(TypeError, match="weight"):
            WordCounts.count([wrong])  # type: ignore[list-item]


def test_a_file_holds_what_was_counted(tmp_path: Path) -> None:
    counts = WordCounts.count([TEXT], shard_id="day 1")
    counts.save(tmp_path / "a.counts")
    loaded = WordCounts.load(tmp_path / "a.counts")
    assert loaded == counts and hash(loaded) == hash(counts)
    assert loaded.as_dict() == counts.as_dict()
    assert loaded.shards == ("day 1",)
    loaded.save(tmp_path / "b.counts")
    assert (tmp_path / "a.counts").read_bytes() == (tmp_path / "b.counts").read_bytes()
    learned = Tokenizer.learn(loaded, vocab_size=280)
    assert learned == Tokenizer.learn([TEXT], vocab_size=280)
    assert sorted(os.listdir(tmp_path)) == ["a.counts", "b.counts"]


def test_sums(tmp_path: Path) -> None:
    texts = [fresh_words(3000, seed) for seed in range(4)]
    shards = [WordCounts.count([text], shard_id=f"s{n}") for n, text in enumerate(texts)]
    shards[1].save(tmp_path / "one.counts")
    total = WordCounts.merge([shards[0], tmp_path / "one.counts", shards[2] + shards[3]])
    assert total.as_dict() == definition(*texts)
    assert total.shards == ("s0", "s1", "s2", "s3")
    assert total.fingerprint == WordCounts.count(texts).fingerprint
    with pytest.raises(ConfigError, match=r"s1 is in .*one.counts.* and in the counts at place 1"):
        WordCounts.merge([total, tmp_path / "one.counts"])
    with pytest.raises(ConfigError, match="fingerprint|counted twice"):
        shards[0] + shards[0]
    with pytest.raises(ConfigError, match="no counts"):
        WordCounts.merge([])


def test_counts_of_other_pieces_are_refused(tmp_path: Path) -> None:
    gpt4 = WordCounts.count([TEXT])
    custom = WordCounts.count([TEXT], pattern=r"\w+|\W")
    custom.save(tmp_path / "custom.counts")
    with pytest.raises(ConfigError, match=r"split gpt4.*custom.counts has the pattern"):
        WordCounts.merge([gpt4, tmp_path / "custom.counts"])
    with pytest.raises(ConfigError, match="split gpt4, not o200k"):
        Tokenizer.learn(gpt4, vocab_size=300, split="o200k")
    assert Tokenizer.learn(custom, vocab_size=260).pattern == r"\w+|\W"


def test_another_unicode_version_is_refused(tmp_path: Path) -> None:
    """As a file of another release has it: the header is changed with its checksums."""
    path = tmp_path / "old.counts"
    WordCounts.count([TEXT]).save(path)
    data = path.read_bytes()
    version = WordCounts.load(path).unicode_version.encode()
    with pytest.raises(FormatError, match="old.counts"):
        path.write_bytes(data.replace(version, b"9" + version[1:], 1))
        WordCounts.load(path)


def test_a_limit_spills_and_changes_nothing(tmp_path: Path) -> None:
    text = fresh_words(4 << 20)
    parts = [text[at : at + 100_000] for at in range(0, len(text), 100_000)]
    unlimited = WordCounts.count(parts, shard_id="x")
    limited = WordCounts.count(parts, shard_id="x", max_memory="16MiB", temp_dir=tmp_path)
    assert limited.report["spilled_bytes"] > 0
    assert len(os.listdir(tmp_path)) == 1
    unlimited.save(tmp_path / "a")
    limited.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    learned = Tokenizer.learn(limited, vocab_size=300)
    assert learned == Tokenizer.learn(unlimited, vocab_size=300)
    with pytest.raises(ConfigError, match="first_occurrence"):
        Tokenizer.learn(limited, vocab_size=300, tie="first_occurrence", min_word_count=2)
    del limited, learned
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_too_small_limits_say_what_is_enough(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="16MiB"):
        WordCounts.count([TEXT], max_memory="1MB", temp_dir=tmp_path)
    assert os.listdir(tmp_path) == []
    counts = WordCounts.count([fresh_words(1 << 20)])
    with pytest.raises(ConfigError, match=r"raise it to --max-memory \d+MiB.*--min-word-count \d+"):
        Tokenizer.learn(counts, vocab_size=300, max_memory="8MiB")
    with pytest.raises(ConfigError, match=r"raise it to --max-memory \d+MiB$"):
        Tokenizer.learn(counts, vocab_size=300, max_memory="1MiB")
    dropped = Tokenizer.learn(counts, vocab_size=300, min_word_count=3).learn_report
    assert dropped is not None and 0 < dropped["num_dropped_words"] < len(counts)
    for wrong in ["lots", "2 elephants", "", 0, -5, "0GiB"]:
        with pytest.raises(ConfigError, match="number of bytes"):
            WordCounts.count([TEXT], max_memory=wrong)
    assert parse_bytes("2GiB") == parse_bytes("2048 mib") == 2 << 30
    assert parse_bytes("1.5k") == 1500 and parse_bytes(7) == 7 and parse_bytes("7B") == 7


@pytest.mark.parametrize("split", ["gpt2", "gpt4", "o200k", "llama3", "qwen2", "none"])
def test_large_files_in_parts_count_as_the_whole(tmp_path: Path, split: str) -> None:
    text = (TEXT * 30_000 + "日本語の文章。" * 60_000 + "a" * 1_500_000 + "\n").encode()
    (tmp_path / "big.txt").write_bytes(text)
    counted = WordCounts.count(Corpus.read(tmp_path / "big.txt"), split=split)
    assert counted == WordCounts.count([text], split=split)
    assert counted.report["num_documents"] == 1


def test_a_piece_that_cannot_be_cut_needs_room(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(b"a" * (4 << 20))
    with pytest.raises(ConfigError, match="without a place"):
        WordCounts.count(Corpus.read(tmp_path / "one.txt"), max_memory="16MiB", temp_dir=tmp_path)
    assert os.listdir(tmp_path) == ["one.txt"]


def test_prefixes_are_what_the_smaller_size_gives() -> None:
    text = fresh_words(50_000).decode() + TEXT * 20
    large = Tokenizer.learn([text], vocab_size=700)
    for size in (257, 258, 300, 699, 700, 9000):
        smaller = large.prefix(size)
        assert smaller == Tokenizer.learn([text], vocab_size=min(size, 700))
        assert smaller.decode(smaller.encode(TEXT)) == TEXT
    words = Tokenizer.words([text], vocab_size=400)
    assert words.prefix(300) == Tokenizer.words([text], vocab_size=300)
    with pytest.raises(ConfigError, match="at least 257"):
        large.prefix(256)
    with pytest.raises(ConfigError, match="character"):
        Tokenizer.characters(["abc"]).prefix(3)


def test_extending_is_learning_more_at_once(tmp_path: Path) -> None:
    counts = WordCounts.count([fresh_words(50_000)])
    counts.save(tmp_path / "x.counts")
    large = Tokenizer.learn(counts, vocab_size=600)
    small = large.prefix(400)
    assert small.extend(counts, vocab_size=600) == large
    assert small.extend(WordCounts.load(tmp_path / "x.counts"), vocab_size=600) == large
    assert small.extend([fresh_words(50_000)], vocab_size=600, max_memory="64MiB") == large
    with pytest.raises(ConfigError, match="split gpt2.*not gpt4"):
        small.extend(WordCounts.count([TEXT], split="gpt2"), vocab_size=600)


def test_broken_files_are_left_out_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("good text")
    (tmp_path / "b.txt").write_bytes(b"good at first " * 100_000 + b"\xff")
    (tmp_path / "c.jsonl").write_text('{"text": "fine"}\n{"text": 3}\n')
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(b"cut" * 100_000)[:-20])
    (tmp_path / "e.txt.zst").write_bytes(b"no zstd")
    (tmp_path / "f.txt").write_text("more good text")
    with pytest.raises(TextError, match=r"b.txt"):
        WordCounts.count(Corpus.read(tmp_path))
    corpus = Corpus.read(tmp_path, skip_broken=True)
    assert [Path(path).name for path, _ in corpus.broken] == [
        "b.txt",
        "c.jsonl",
        "d.txt.gz",
        "e.txt.zst",
    ]
    assert all(path in problem for path, problem in corpus.broken)
    assert WordCounts.count(corpus) == WordCounts.count(["good text", "more good text"])
    kept = WordCounts.count(Corpus.read(tmp_path / "b.txt", encoding="bytes"))
    assert kept == WordCounts.count([(tmp_path / "b.txt").read_bytes()])


FULL = """
import os, resource, sys
from primetone.text.counts import WordCounts
from primetone.errors import FileError
text = open(sys.argv[1], "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
parts = [text[at : at + 100_000] for at in range(0, len(text), 100_000)]
try:
    WordCounts.count(parts, max_memory="16MiB", temp_dir=sys.argv[2])
except FileError as error:
    print(error)
counts = WordCounts.count(parts)
try:
    counts.save(os.path.join(sys.argv[2], "out.counts"))
except FileError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(fresh_words(4 << 20))
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "out.counts").write_bytes(b"old")
    ran = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "text", tmp_path / "spill"],
        capture_output=True,
        text=True,
        check=True,
    )
    spill, save = ran.stdout.splitlines()
    assert "cannot spill word counts" in spill and "--temp-dir" in spill
    assert "cannot write" in save and "out.counts" in save and ".tmp" not in save
    assert os.listdir(tmp_path / "spill") == ["out.counts"]
    assert (tmp_path / "spill" / "out.counts").read_bytes() == b"old"


KILLED = """
import sys
from primetone.text.counts import WordCounts
text = open(sys.argv[1], "rb").read()
parts = [text[at : at + 100_000] for at in range(0, len(text), 100_000)]
print("ready", flush=True)
while True:
    counts = WordCounts.count(parts, max_memory="16MiB", temp_dir=sys.argv[2])
    counts.save(sys.argv[2] + "/out.counts")
"""


def test_kill_leaves_a_whole_file_or_none_and_is_swept(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(fresh_words(4 << 20))
    folder = tmp_path / "out"
    folder.mkdir()
    chance = random.Random(3)
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, tmp_path / "text", folder], stdout=subprocess.PIPE
        )
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.05, 1.5))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if (folder / "out.counts").exists():
            WordCounts.load(folder / "out.counts").as_dict()
    WordCounts.count([TEXT], max_memory="16MiB", temp_dir=folder).save(folder / "out.counts")
    assert os.listdir(folder) == ["out.counts"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    parts = [fresh_words(200_000, seed) for seed in range(40)]
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(1000):
            WordCounts.count(parts, max_memory="16MiB", temp_dir=tmp_path)
    assert time.monotonic() - started < 0.3 + 0.2 + 1.0  # the timer, the promise, a busy machine
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_iterable_comes_through() -> None:
    def texts() -> object:
        yield "fine"
        raise LookupError("the iterable's own")

    with pytest.raises(LookupError, match="own"):
        WordCounts.count(texts())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="str or bytes"):
        WordCounts.count(["fine", 7])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="put it in a list"):
        WordCounts.count("one text")


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    path = tmp_path / "text.txt"
    path.write_bytes(fresh_words(6 << 20))
    counts = WordCounts.count(
        Corpus.read(path), progress=lambda *told: seen.append(told), threads=1
    )
    assert {stage for stage, _, _ in seen} <= {"count"}
    assert all(total == path.stat().st_size for _, _, total in seen)
    assert json.dumps(counts.report)


LIMITED = """
import resource, sys
from primetone.text.corpus import Corpus
from primetone.text.tokenizer import Tokenizer
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
learned = Tokenizer.learn(
    Corpus.read(sys.argv[1]),
    vocab_size=300,
    max_memory="64MiB",
    min_word_count=2,
    temp_dir=sys.argv[3],
    threads=2,
)
report = learned.learn_report
print(learned.fingerprint, report["spilled_bytes"], report["peak_memory_bytes"])
"""


def test_a_file_larger_than_the_memory_limit(tmp_path: Path) -> None:
    """Counting spills; the rare words that learning has no room for are left out on demand."""
    path = tmp_path / "text.txt"
    fresh, plain = fresh_words(16 << 20), TEXT.encode() * 500
    with path.open("wb") as file:
        for _ in range(2000):
            file.write(plain)
        file.write(fresh)
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, path, str(512 << 20), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    fingerprint, spilled, peak = ran.stdout.split()
    whole = [(plain, 2000), (fresh, 1)]
    assert fingerprint == Tokenizer.learn(whole, vocab_size=300, min_word_count=2).fingerprint
    assert int(spilled) > 0
    assert int(peak) < 128 << 20  # the limit, and the interpreter with its libraries
    assert os.listdir(tmp_path) == ["text.txt"]


def test_rare_words_are_left_out_in_the_order_of_the_text() -> None:
    """What is left of counts in memory still knows what came first."""
    frequent = {"dc": 2, "ba": 2, "cd": 2, "ab": 2}
    rules: dict[str, Any] = {"vocab_size": 258, "tie": "first_occurrence"}
    learned = Tokenizer.learn({"qz": 1, **frequent, "zq": 1}, **rules, min_word_count=2)
    assert learned == Tokenizer.learn(frequent, **rules)
    assert learned.decode_bytes([257]) == b"dc"
    assert (learned.learn_report or {})["num_dropped_words"] == 2


GRANTED = """
import resource, sys
from primetone.errors import ConfigError
from primetone.text.counts import WordCounts
from pathlib import Path
pages = int(Path("/proc/self/statm").read_text().split()[0])
granted = pages * resource.getpagesize() + (40 << 20)
resource.setrlimit(resource.RLIMIT_AS, (granted, granted))
counts = WordCounts.count(Path(sys.argv[1]), temp_dir=sys.argv[2], threads=2)
print(counts.report["spilled_bytes"] > 0, counts.fingerprint)
try:
    WordCounts.count(Path(sys.argv[1]), max_memory="60MiB")
except ConfigError as error:
    print(error)
"""


def test_a_limited_address_space_is_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(fresh_words(4 << 20))
    ran = subprocess.run(
        [sys.executable, "-c", GRANTED, path, tmp_path], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    first, told = ran.stdout.splitlines()
    assert first == f"True {WordCounts.count(path).fingerprint}"
    assert "60MiB" in told and "ulimit -v" in told


@pytest.mark.exam
def test_four_gigabytes_in_one_of_address_space(tmp_path: Path) -> None:
    """Needs 5 GB of disk; the same tokenizer as without a limit, through spilled counts too."""
    names = ("text", "all.counts", "limited.json", "counted.json", "unlimited.json")
    text, counts, limited, counted, unlimited = (tmp_path / name for name in names)
    script = Path(__file__).parents[2] / "benches" / "python" / "synthetic.py"
    subprocess.run([sys.executable, script, text, "--words", "2000000"], check=True)

    def run(*arguments: object, granted: int = resource.RLIM_INFINITY) -> dict[str, Any]:
        ran = subprocess.run(
            [sys.executable, "-m", "primetone", *map(str, arguments), "--json"],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (granted, granted)),
            capture_output=True,
            check=True,
        )
        report: dict[str, Any] = json.loads(ran.stdout)["report"]
        return report

    gib, size = 1 << 30, ("--vocab-size", "32000")
    report = run("learn", text, *size, "--max-memory", "512MiB", "--out", limited, granted=gib)
    assert report["peak_memory_bytes"] < (512 + 64) << 20
    spilling = run("count", text, "--max-memory", "96MiB", "--out", counts, granted=gib)
    assert spilling["spilled_bytes"] > 0
    assert spilling["peak_memory_bytes"] < (96 + 64) << 20
    run("learn", "--from-counts", counts, *size, "--out", counted, granted=gib)
    run("learn", text, *size, "--out", unlimited)
    assert limited.read_bytes() == unlimited.read_bytes() == counted.read_bytes()
    print(f"R14 4 GB in 1 GiB: peak {report['peak_memory_bytes']:,}, {report['seconds']}")


def test_missing_and_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none.counts"):
        WordCounts.load(tmp_path / "none.counts")
    (tmp_path / "wrong.counts").write_text("a text " * 50)
    with pytest.raises(FormatError, match=r"wrong.counts: expected a file made by"):
        WordCounts.load(tmp_path / "wrong.counts")
