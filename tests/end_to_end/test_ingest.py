"""`primetone ingest` as people use it: many formats, bad files, limits, signals."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import primetone
from command_line import TINY, Call, assert_one_line_error, start
from documents import make_docx, make_epub, make_pdf, paragraph
from primetone.errors import ConfigError, InternalError, MissingExtraError, TextError

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")
PROSE = "It was the best of times, it was the worst of times: so they said in 1859.\n"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a file of each format, and one of none."""
    folder = tmp_path / "library"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text(PROSE * 20)
    (folder / "b.md").write_text("# Head\r\n\r\n\r\n\r\n- item\x07\r\n")
    (folder / "c.html").write_text("<html><title>no</title><p>A page &amp; more</p></html>")
    (folder / "d.jsonl").write_text('{"text": "first"}\n{"text": " "}\n{"text": "third"}\n')
    (folder / "e.csv").write_text('text,n\n"in a, table",1\n')
    make_docx(folder / "f.docx", paragraph("From Word"))
    make_epub(folder / "g.epub", ["<p>Chapter one</p>", "<p>Chapter two</p>"])
    pages = [
        ["A Running Head", f"{word} is some-", f"thing like {word}", str(number)]
        for number, word in enumerate(WORDS)
    ]
    make_pdf(folder / "deep" / "h.pdf", pages)
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "empty.txt").write_bytes(b"")
    return folder


def corpus(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def big(path: Path, megabytes: int = 24) -> Path:
    """A text that takes seconds to clean."""
    path.write_text(PROSE * (megabytes * 1_000_000 // len(PROSE)))
    return path


def test_every_format_becomes_rows(call: Call, library: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus.jsonl"
    done = call("ingest", library, "--out", out, "--json")
    assert done.code == 0, done.err
    found = [(os.path.relpath(row["source"], library), row["text"]) for row in corpus(out)]
    assert found == [
        ("a.txt", (PROSE * 20).rstrip()),
        ("b.md", "# Head\n\n- item"),
        ("c.html", "A page & more"),
        ("d.jsonl:1", "first"),
        ("d.jsonl:3", "third"),
        ("e.csv:2", "in a, table"),
        ("f.docx", "From Word"),
        ("g.epub", "Chapter one\n\nChapter two"),
        ("deep/h.pdf", "\n".join(f"{word} is something like {word}" for word in WORDS)),
    ]
    report = json.loads(done.out)
    assert (report["num_files"], report["num_texts"], report["num_rows"]) == (9, 9, 9)
    assert (report["num_empty"], report["num_skipped"], report["failures"]) == (1, 1, [])
    assert report["num_bytes_out"] == out.stat().st_size
    assert report["filters"]["page-heads"] == {"times": 10, "characters": 5 * 17}
    assert report["filters"]["hyphens"]["times"] == 5
    words = call("ingest", library, "--out", out)
    assert words.out.startswith(f"{out}: 9 rows (")
    assert "left out: 1 file without a byte" in words.out
    assert "page-heads   10" in words.out


def test_the_rows_are_what_the_other_verbs_read(call: Call, library: Path, tmp_path: Path) -> None:
    out, tokenizer, store = (tmp_path / name for name in ("c.jsonl", "t.json", "store"))
    assert call("ingest", library, "--out", out, "--per", "sentence").code == 0
    rows = corpus(out)
    assert len(rows) > 20
    assert call("learn", out, "--vocab-size", 300, "--out", tokenizer).code == 0
    assert call("encode", tokenizer, out, "--out", store, "--json").code == 0
    assert primetone.TokenStore.open(store).num_documents == len(rows)
    run = tmp_path / "run"
    trained = call("train", "decoder", "--data", out, "--out", run, "train.steps=2", *TINY)
    assert trained.code == 0, trained.err
    texts = [document.data.decode() for document in primetone.Corpus.read(out)]
    assert texts == [row["text"] for row in rows]
    # and what was ingested may be ingested again
    again = tmp_path / "again.jsonl"
    assert call("ingest", out, "--out", again).code == 0
    assert [row["text"] for row in corpus(again)] == texts


@pytest.mark.parametrize("workers", [2, 5])
def test_the_output_does_not_depend_on_workers(tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        times = 4000 if number % 7 == 0 else 3  # some take much longer than those behind them
        (folder / f"{number:02}.txt").write_text(f"{number} " + PROSE * times)
        (folder / f"{number:02}.pdf").write_bytes(b"%PDF- torn")
    one = primetone.ingest(folder, tmp_path / "one.jsonl", filters="classic", workers=1)
    other = primetone.ingest(folder, tmp_path / "other.jsonl", filters="classic", workers=workers)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()
    assert one.failures == other.failures
    assert len(one.failures) == 40
    assert one.tally == other.tally


def test_bad_files_are_named_and_the_others_kept(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    make_docx(folder / "bomb.docx", " " * (64 << 20))
    make_pdf(folder / "locked.pdf", [["secret"]], password="secret")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (folder / "latin.txt").write_bytes(b"na\xefve")
    (folder / "blank.html").write_text("<script>only()</script>")
    (folder / "good.txt").write_text("kept")
    os.mkfifo(folder / "pipe.txt")
    out = tmp_path / "c.jsonl"
    names = [*sorted(folder.iterdir()), tmp_path / "x.xyz"]
    names[-1].write_text("no format")
    done = call("ingest", *names, "--out", out)
    assert done.code == 1
    assert [row["text"] for row in corpus(out)] == ["kept"]
    notes = done.err.splitlines()
    expected = {
        "blank.html": "there is no text in it",
        "bomb.docx": "zip bomb",
        "latin.txt": "expected utf-8, found byte 0xef at byte offset 2",
        "locked.pdf": "encrypted",
        "pipe.txt": "found a pipe",
        "torn.pdf": "damaged",
        "x.xyz": "found .xyz",
    }
    assert len(notes) == len(expected) + 1
    for note, (name, words) in zip(notes, expected.items(), strict=False):
        assert name in note
        assert words in note
        assert note.startswith("primetone: note: left out ")
    assert notes[-1].startswith("primetone: error: 7 of 8 files could not be read")
    stopped = tmp_path / "stopped.jsonl"
    stop = call("ingest", folder, "--out", stopped, "--on-error", "stop")
    assert_one_line_error(stop, 1, "blank.html", "no text in it")
    assert not stopped.exists()
    nothing = call("ingest", folder / "locked.pdf", folder / "torn.pdf", "--out", stopped)
    assert_one_line_error(nothing, 1, "nothing was written", "locked.pdf", "2 of 2 files failed")
    assert not stopped.exists()
    assert sorted(os.listdir(tmp_path)) == ["bad", "c.jsonl", "x.xyz"]


def test_limits(call: Call, tmp_path: Path) -> None:
    good, large, out = tmp_path / "a.txt", big(tmp_path / "large.txt", 48), tmp_path / "c.jsonl"
    good.write_text(PROSE)
    for option, words in (
        (("--max-seconds", 0.1), "took longer than 0.1 seconds"),
        (("--max-memory", "150MiB"), "it needs more memory than the 150 MiB"),
        (("--max-out", "5MB"), "its text is larger than 5,000,000 bytes"),
    ):
        began = time.monotonic()
        done = call("ingest", large, good, "--out", out, *option)
        assert done.code == 1
        assert words in done.err
        assert [row["source"] for row in corpus(out)] == [str(good)]
        assert time.monotonic() - began < 30
    for option, words in (
        (("--max-seconds", 0), "a time above 0"),
        (("--max-memory", "1MiB"), "at least 128MiB"),
        (("--max-memory", "much"), "a number of bytes"),
        (("--workers", 0), "threads must be between 1"),
    ):
        assert_one_line_error(call("ingest", good, "--out", out, *option), 1, words)


def test_words_that_do_not_fit(call: Call, tmp_path: Path) -> None:
    good, out = tmp_path / "a.txt", tmp_path / "c.jsonl"
    good.write_text(PROSE)
    for words, code, message in (
        ((), 2, "at least one document"),
        (("-",), 1, "standard input"),
        ((tmp_path / "b.txt",), 1, "there is a.txt"),
        ((tmp_path / "*.pdf",), 1, "matches no file"),
        ((good, "--filter", "unwarp"), 1, "did you mean 'unwrap'"),
        ((good, "--filter", "unwrap", "--filter", "merge-lines"), 1, "choose one"),
        ((good, "--format", "word"), 1, "format: unknown 'word'"),
        ((good, "--encoding", "utf-99"), 1, "utf-99"),
        ((good, "--encoding", "bytes"), 1, "name an encoding"),
        ((good, "--per", "page"), 2, "page"),
        ((good, "--filter", "none,letters,short-lines,no-letters", "--max-out", "0"), 1, "bytes"),
    ):
        assert_one_line_error(call("ingest", *words, "--out", out), code, message)
    assert_one_line_error(call("ingest", good, "--out", tmp_path / "c.txt"), 1, ".jsonl")
    assert_one_line_error(call("ingest", good, "--out", tmp_path / "no/c.jsonl"), 1, "no/c.jsonl")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "x"}\n')
    assert_one_line_error(call("ingest", tmp_path, "--out", rows), 1, "is among what is read")
    assert rows.read_text() == '{"text": "x"}\n'
    assert not out.exists()


def test_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, out = tmp_path / "page", tmp_path / "c.jsonl"
    page.write_text("<p>One.</p><p>two</p>")
    seen: list[tuple[str, int, int]] = []
    report = primetone.ingest(
        [page, str(page)],
        out,
        format="html",
        per="paragraph",
        filters=["none", "lower-case"],
        progress=lambda *words: seen.append(words),
    )
    assert [row["text"] for row in corpus(out)] == ["one.", "two"]
    assert report.num_repeated == 1
    assert report.tally.removed["lower-case"].times == 1
    assert seen == [("ingest", page.stat().st_size, page.stat().st_size)]
    for options, message in (({"per": "page"}, "per"), ({"on_error": "ignore"}, "on_error")):
        with pytest.raises(ConfigError, match=message):
            primetone.ingest(page, out, **options)  # type: ignore[arg-type]
    page.write_text("12")
    with pytest.raises(TextError, match="the filters left none"):
        primetone.ingest(page, out, format="text", filters="none,letters")
    pdf = make_pdf(tmp_path / "a.pdf", [["x"]])
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'primetone\[pdf\]'"):
        primetone.ingest(pdf, out)


# --- processes and signals ---


def children_of(pid: int) -> list[int]:
    """The processes that ``pid`` started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("this system does not tell the children of a process")
    return [int(word) for word in path.read_text().split()]


def wait_for(what: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def readers_of(pid: int) -> list[int]:
    """The children of the workers of an ingestion: each reads a file."""
    return [child for worker in children_of(pid) for child in children_of(worker)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """An ingestion that has begun with two large files, and its folder."""
    for name in ("a.txt", "b.txt"):
        big(tmp_path / name)
    (tmp_path / "c.txt").write_text(PROSE)
    (tmp_path / "c.jsonl").write_text("what was there before")
    names = sorted(tmp_path.glob("*.txt"))
    words = ("--workers", 2, "--filter", "classic")
    child = start("ingest", *names, "--out", tmp_path / "c.jsonl", *words)
    wait_for(lambda: len(readers_of(child.pid)) == 2 or child.poll() is not None)
    yield child, tmp_path
    child.kill()
    child.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_signals_leave_nothing_behind(
    slow: tuple[subprocess.Popen[bytes], Path], number: int, code: int
) -> None:
    child, folder = slow
    workers, readers = children_of(child.pid), readers_of(child.pid)
    began = time.monotonic()
    child.send_signal(number)
    child.wait(timeout=30)
    took = time.monotonic() - began
    assert child.returncode == code
    wait_for(lambda: not any(map(is_alive, workers + readers)), 5)
    assert (folder / "c.jsonl").read_text() == "what was there before"
    if number != signal.SIGKILL:
        assert took < 1.0  # 0.2 s is the promise, on a machine that does nothing else
        assert sorted(os.listdir(folder)) == ["a.txt", "b.txt", "c.jsonl", "c.txt"]
        assert child.stderr is not None
        assert b"Traceback" not in child.stderr.read()
    else:  # the next one sweeps
        primetone.ingest(folder / "c.txt", folder / "c.jsonl")
        assert sorted(os.listdir(folder)) == ["a.txt", "b.txt", "c.jsonl", "c.txt"]


def test_a_reader_that_crashes_takes_nothing_with_it(
    slow: tuple[subprocess.Popen[bytes], Path],
) -> None:
    child, folder = slow
    os.kill(readers_of(child.pid)[0], signal.SIGSEGV)
    out, error = child.communicate(timeout=100)
    assert child.returncode == 1
    assert b"its reader was ended by SIGSEGV" in error
    assert b"1 of 3 files could not be read" in error
    assert b": " in out
    assert corpus(folder / "c.jsonl")[-1]["text"].startswith("It was")


def test_a_worker_that_is_killed_is_replaced(slow: tuple[subprocess.Popen[bytes], Path]) -> None:
    child, _ = slow
    for worker in children_of(child.pid):
        os.kill(worker, signal.SIGKILL)
    _, error = child.communicate(timeout=100)
    assert child.returncode == 1
    assert error.count(b"was killed, perhaps for memory") == 2
    assert b"2 of 3 files could not be read" in error


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    text, out = big(tmp_path / "a.txt", 4), tmp_path / "c.jsonl"
    out.write_text("what was there before")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    child = start("ingest", text, "--out", out, preexec_fn=limit)
    _, error = child.communicate(timeout=100)
    assert child.returncode == 1
    assert b"c.jsonl: the file would exceed the largest size" in error
    assert out.read_text() == "what was there before"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "c.jsonl"]


def test_folders_of_one_format(call: Call, tmp_path: Path) -> None:
    folder, out = tmp_path / "folder", tmp_path / "c.jsonl"
    folder.mkdir()
    (folder / "one").write_text("<p>1</p>")
    (folder / ".hidden").write_text("<p>2</p>")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    found = call("ingest", folder, "--out", out)
    assert_one_line_error(found, 1, "found 2 other files; name them one by one")
    assert call("ingest", folder, "--out", out, "--format", "html").code == 0
    assert [row["text"] for row in corpus(out)] == ["1"]


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb") as file:
        file.write(b"kept")
    primetone.ingest(os.fsdecode(path), tmp_path / "c.jsonl")
    assert corpus(tmp_path / "c.jsonl") == [{"text": "kept", "source": f"{tmp_path}/\ufffd.txt"}]


def test_processes_that_do_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "a.txt"
    text.write_text(PROSE)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(InternalError, match="did not start"):
        primetone.ingest(text, tmp_path / "c.jsonl")
    assert os.listdir(tmp_path) == ["a.txt"]
