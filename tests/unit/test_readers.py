"""Reading documents from files, folders, patterns and pipes, in several encodings."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from primetone.errors import ConfigError, FileError, FormatError, TextError
from primetone.text.readers import Document, read_documents
from primetone.text.sources import find_sources


def texts(*arguments, **options) -> list[bytes]:
    return [document.data for document in read_documents(*arguments, **options)]


def make(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# --- which files ---


def test_folder_is_read_in_order_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/b.py", "c.jpg", ".hidden.txt", ".git/x.txt", "d.TXT"):
        make(tmp_path / name, "x")
    make(tmp_path / "e.jsonl", '{"text": "x"}\n')
    found = find_sources(tmp_path)
    assert [os.path.relpath(source.path, tmp_path) for source in found.sources] == [
        *("b.txt", "d.TXT", "e.jsonl", "a/b.py", "a/z.md"),
    ]
    assert found.num_skipped == 1
    assert [source.layout for source in found.sources] == ["text", "text", "jsonl", "text", "text"]


def test_patterns_and_repeated_names(tmp_path: Path) -> None:
    for name in ("b.dat", "a.dat", "sub/c.dat", "we[i]rd.txt"):
        make(tmp_path / name, name)
    assert texts([f"{tmp_path}/*.dat"]) == [b"a.dat", b"b.dat"]
    assert texts([f"{tmp_path}/**/*.dat"]) == [b"a.dat", b"b.dat", b"sub/c.dat"]
    assert texts(f"{tmp_path}/we[i]rd.txt") == [b"we[i]rd.txt"]
    assert texts([tmp_path / "b.dat", tmp_path / "a.dat"]) == [b"b.dat", b"a.dat"]


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    make(tmp_path / "notes.txt", "x")
    with pytest.raises(FileError, match=r"no such file; check the spelling \(there is notes.txt\)"):
        texts(tmp_path / "note.txt")
    with pytest.raises(FileError, match=r"the folder .*nowhere does not exist"):
        texts(tmp_path / "nowhere" / "a.txt")
    with pytest.raises(TextError, match=r"the pattern .*\*.md matches no file"):
        texts(f"{tmp_path}/*.md")
    with pytest.raises(TextError, match="no text given"):
        texts([])
    make(tmp_path / "pictures" / "a.png", "x")
    with pytest.raises(TextError, match=r"holds no text: .* found 1 other"):
        texts(tmp_path / "pictures")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.txt.xz", "a.pdf"])
def test_files_that_need_unpacking_first(tmp_path: Path, name: str) -> None:
    with pytest.raises(TextError, match="is not plain text"):
        texts(make(tmp_path / name, b"x"))


def test_standard_input_and_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo"), encoding="ascii"))
    assert list(read_documents(["-"])) == [Document("<stdin>", b"one\ntwo")]
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"through a pipe",))
    writer.start()
    assert texts(tmp_path / "pipe") == [b"through a pipe"]
    writer.join()


# --- documents ---


def test_bytes_are_kept(tmp_path: Path) -> None:
    data = "\ufeffa\x00b\r\nc\u2028d\n".encode()
    assert texts(make(tmp_path / "a.txt", data)) == [data]
    assert texts(tmp_path / "a.txt", encoding="utf-8-sig") == [data[3:]]
    assert texts(make(tmp_path / "b.txt", b"\xff\xfe\x00"), encoding="bytes") == [b"\xff\xfe\x00"]


def test_lines_and_paragraphs(tmp_path: Path) -> None:
    path = make(tmp_path / "a.txt", b"one\r\ntwo\n\n \nthree\nfour\n\nfive")
    assert texts(path, per="line") == [b"one", b"two", b" ", b"three", b"four", b"five"]
    assert texts(path, per="paragraph") == [b"one\r\ntwo", b"three\nfour", b"five"]
    named = [document.name for document in read_documents(path, per="paragraph")]
    assert named == [f"{path}:1", f"{path}:5", f"{path}:8"]


def test_lines_longer_than_a_chunk(tmp_path: Path) -> None:
    long = b"x" * (5 << 19)
    path = make(tmp_path / "a.txt", b"a\n" + long + b"\nb\n")
    assert texts(path, per="line") == [b"a", long, b"b"]


def test_documents_divided_by_a_separator(tmp_path: Path) -> None:
    mark = "<|end\u00e9|>"
    one, two = b"one\n", b"x" * (3 << 20)
    data = mark.encode().join([one, b"", two, b"three"]) + mark.encode()
    path = make(tmp_path / "a.txt", data)
    assert texts(path, separator=mark) == [one, two, b"three"]
    named = [document.name for document in read_documents(path, separator=mark)]
    assert named == [f"{path}, document {number}" for number in (1, 3, 4)]
    recoded = make(tmp_path / "b.txt", data.decode().encode("utf-16"))
    assert texts(recoded, separator=mark, encoding="utf-16") == [one, two, b"three"]
    for cut in range(len(mark.encode())):  # a separator that lies across two chunks
        head = b"y" * ((1 << 20) - cut)
        crossing = make(tmp_path / "c.txt", head + mark.encode() + b"z")
        assert texts(crossing, separator=mark) == [head, b"z"]


def test_a_separator_and_per_contradict_each_other(tmp_path: Path) -> None:
    path = make(tmp_path / "a.txt", b"x")
    with pytest.raises(ConfigError, match="found separator '--' and per 'line'.* leave one out"):
        texts(path, separator="--", per="line")
    with pytest.raises(ConfigError, match="half of a surrogate pair"):
        texts(path, separator="\ud800")


def test_empty_files_are_left_out_but_not_all_of_them(tmp_path: Path) -> None:
    empty, full = make(tmp_path / "a.txt", b""), make(tmp_path / "b.txt", b"x")
    assert texts([empty, full]) == [b"x"]
    with pytest.raises(TextError, match=r"there is no text in .*a.txt: expected at least one"):
        texts(empty)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a.txt", b"x"), make(tmp_path / "b.txt", b"y")
    documents = read_documents([first, second])
    assert next(documents).data == b"x"
    second.write_bytes(b"longer")
    with pytest.raises(TextError, match=r"b.txt changed while it was in use: .* found 6 bytes"):
        next(documents)


# --- encodings ---


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be", "cp1252", "latin-1", "utf-8"])
def test_encodings_become_utf8(tmp_path: Path, encoding: str) -> None:
    text = "na\u00efve caf\u00e9\n" * 200_000  # more than a chunk
    path = make(tmp_path / "a.txt", text.encode(encoding))
    assert texts(path, encoding=encoding) == [text.encode()]


@pytest.mark.parametrize("num_before", [0, 5, (1 << 20) - 1, (1 << 20) + 3, 3 << 20])
@pytest.mark.parametrize("damage", [b"\xff", b"\xe2\x82x", b"\xed\xa0\x80"])
def test_undecodable_byte_is_located(tmp_path: Path, num_before: int, damage: bytes) -> None:
    path = make(tmp_path / "a.txt", b"\n" * num_before + damage + b"tail")
    with pytest.raises(TextError) as caught:
        texts(path)
    message = str(caught.value)
    assert f"{path}: expected utf-8, found byte 0x{damage[0]:02x} at byte offset" in message
    assert f"offset {num_before:,} (line {num_before + 1:,})" in message
    assert "cp1252" in message


def test_hints_for_undecodable_files(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="begins like utf-16"):
        texts(make(tmp_path / "a.txt", "text".encode("utf-16")))
    with pytest.raises(TextError, match="looks like a binary file"):
        texts(make(tmp_path / "a.bin", b"\x7fELF\0\0\xff\xfe"))
    for text in ("na\u00efve caf\u00e9 in 1998", "he said \u201cno\u201d \u2014 \u2026"):
        with pytest.raises(TextError, match="looks like windows-1252: give that encoding"):
            texts(make(tmp_path / "a.txt", text.encode("cp1252")))
    # UTF-8 with one damaged byte, bytes that windows-1252 has no letter for, and other scripts
    for data in (
        "caf\u00e9 \u2014 ".encode() + b"\xe9t\xe9",
        b"a \x81\x8d b",
        "\u043c\u0438\u0440 \u0434\u0430".encode("cp1251"),
    ):
        with pytest.raises(TextError, match="cp1252 and latin-1 are common"):
            texts(make(tmp_path / "a.txt", data))
    with pytest.raises(TextError, match=r"expected utf-8, found byte 0xe2 at byte offset 1 .*end"):
        texts(make(tmp_path / "a.txt", b"a\xe2\x82"))
    with pytest.raises(TextError, match="expected ascii, found byte 0xc3 at byte offset 3"):
        texts(make(tmp_path / "a.txt", "caf\u00e9"), encoding="ascii")


@pytest.mark.parametrize("encoding", ["utf8x", "rot13", "base64", "zlib", "", "a\0b"])
def test_unknown_encodings_are_refused_at_once(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigError, match="expected the name of a text encoding"):
        read_documents(tmp_path / "not there", encoding=encoding)


def test_unknown_document_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='expected "file", "line" or "paragraph", found \'word\''):
        read_documents(tmp_path / "not there", per="word")  # type: ignore[arg-type]


# --- JSON lines ---


def test_json_lines(tmp_path: Path) -> None:
    lines = [{"text": "caf\u00e9\n"}, {"text": ""}, {"id": 3, "text": "\U0001f600"}]
    data = "\ufeff" + "\r\n\n".join(json.dumps(line) for line in lines)
    path = make(tmp_path / "a.jsonl", data)
    documents = list(read_documents(path))
    assert [document.data.decode() for document in documents] == ["caf\u00e9\n", "\U0001f600"]
    assert [document.name for document in documents] == [f"{path}:1", f"{path}:5"]
    wide = make(tmp_path / "b.ndjson", '{"body": "x"}\n'.encode("utf-16"))
    assert texts(wide, encoding="utf-16", field="body") == [b"x"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "a"', "no valid JSON: .* at column"),
        (b'["a"]', "found a JSON list"),
        (b'{"title": "a", "body": "b"}', "found the fields 'title', 'body'"),
        (b'{"text": 3}', "expected text in the field 'text', found 3"),
        (b'{"text": "\\ud800"}', "half of a surrogate pair at character 0"),
        (b"[" * 100_000, "unusable JSON"),
        (b'{"text": ' + b"1" * 5000 + b"}", "unusable JSON"),
    ],
)
def test_bad_json_line_is_located(tmp_path: Path, line: bytes, message: str) -> None:
    path = make(tmp_path / "a.jsonl", b'{"text": "x"}\n' + line + b"\n")
    with pytest.raises(TextError, match=message) as caught:
        texts(path)
    assert f"{path}, line 2 (byte offset 14)" in str(caught.value)


def test_undecodable_json_line_is_located(tmp_path: Path) -> None:
    path = make(tmp_path / "a.jsonl", b'{"text": "x"}\n{"text": "\xff"}\n')
    with pytest.raises(TextError, match=r"0xff at byte offset 24 \(line 2\)"):
        texts(path)
    with pytest.raises(TextError, match=r"line 2 .*: expected UTF-8, found byte 0xff at position"):
        texts(path, encoding="bytes")


# --- compressed ---


def compress(path: Path, data: bytes) -> Path:
    if path.suffix == ".gz":
        return make(path, gzip.compress(data))
    if shutil.which("zstd") is None:
        pytest.skip("the zstd command is not installed, so there is no .zst file to read")
    packed = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True)
    return make(path, packed.stdout)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    text = b"some text, " * 200_000
    compress(tmp_path / f"a.txt{suffix}", text)
    compress(tmp_path / f"b.jsonl{suffix}", b'{"text": "x"}\n{"text": "y"}')
    compress(tmp_path / f"c.bin{suffix}", b"skipped")
    assert texts(tmp_path) == [text, b"x", b"y"]
    assert find_sources(tmp_path).num_skipped == 1


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damaged_compressed_files(tmp_path: Path, suffix: str) -> None:
    path = compress(tmp_path / f"a.txt{suffix}", bytes(range(128)) * 100)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(FormatError, match=r"a\.txt"):
        texts(path)
    path.write_bytes(b"plain text under a compressed name")
    with pytest.raises(FormatError, match=r"a\.txt"):
        texts(path)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.txt")
    assert texts(make(tmp_path / name, "x")) == [b"x"]
    assert texts(compress(tmp_path / f"{name}.gz", b"x")) == [b"x"]


def test_decompression_bombs_are_refused(tmp_path: Path) -> None:
    path = compress(tmp_path / "a.txt.gz", b"a" * (80 << 20))
    with pytest.raises(FormatError, match="expands more than 200-fold"):
        texts(path)


def test_undecodable_byte_in_compressed_text(tmp_path: Path) -> None:
    path = compress(tmp_path / "a.txt.gz", b"ab\xff")
    with pytest.raises(TextError, match="at byte offset 2 of the unpacked text"):
        texts(path)


def test_large_file_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with open(path, "wb") as file:
        for _ in range(40):
            file.write(b"one more line of text\n" * 48_000)
    [document] = read_documents(path)
    assert len(document.data) == path.stat().st_size > 40_000_000
