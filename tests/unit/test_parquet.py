"""Documents out of Parquet: row groups as a stream, and clear words for what cannot be read."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest

from primetone.errors import ConfigError, FormatError, MissingExtraError, TextError
from primetone.text.readers import ReaderOptions, read_documents
from primetone.text.shards import Shard, ShardText
from primetone.text.sources import find_sources

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = [f"row {number} é\n" * (number % 4) for number in range(5000)]


def write(path: Path, columns: dict, **options) -> Path:
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_texts_come_in_order_with_their_rows(tmp_path: Path, kind: str) -> None:
    column = pyarrow.array(TEXTS, "large_string" if kind == "large_string" else "string")
    if kind == "dictionary":
        column = column.dictionary_encode()
    columns = {"id": list(range(len(TEXTS))), "body": column}
    path = write(tmp_path / "a.parquet", columns, row_group_size=700, compression="zstd")
    found = list(read_documents([tmp_path], field="body"))
    assert [document.data.decode() for document in found] == [text for text in TEXTS if text]
    assert found[0].name == f"{path}, row 2"
    assert found[-1].name == f"{path}, row 5000"


@pytest.mark.parametrize("of", [1, 3, 8, 50])
def test_row_groups_are_shared_out(tmp_path: Path, of: int) -> None:
    write(tmp_path / "a.parquet", {"text": TEXTS}, row_group_size=700)
    write(tmp_path / "b.parquet", {"text": ["last"]})
    sources, options = find_sources(tmp_path).sources, ReaderOptions()
    shards = [list(ShardText(sources, options, Shard(n, of))) for n in range(1, of + 1)]
    assert [one for shard in shards for one in shard] == list(read_documents([tmp_path]))
    assert of == 1 or sum(map(bool, shards)) > 1


def test_what_holds_no_text_is_told_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"body": ["x"], "n": [1]})
    with pytest.raises(TextError, match=r"one column 'text', found the columns 'body', 'n'"):
        list(read_documents(path))
    with pytest.raises(TextError, match=r"expected text in the column 'n', found int64"):
        list(read_documents(path, field="n"))
    empty = write(tmp_path / "n.parquet", {"text": ["x", None]})
    with pytest.raises(TextError, match=r"n\.parquet, row 2: .* found null"):
        list(read_documents(empty))
    wrong = pyarrow.array([b"\xff\xfe"]).view("string")
    with pytest.raises(FormatError, match=r"u\.parquet .*UTF8"):
        list(read_documents(write(tmp_path / "u.parquet", {"text": wrong})))
    with pytest.raises(ConfigError, match="compressed inside"):
        (tmp_path / "a.parquet.gz").write_bytes(b"")
        list(read_documents(tmp_path / "a.parquet.gz"))


def test_a_damaged_file_is_told_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": TEXTS}, compression="zstd")
    good = path.read_bytes()
    for bad in (b"", b"PAR1", good[: len(good) // 2], b"not Parquet at all", good[1:]):
        path.write_bytes(bad)
        with pytest.raises(FormatError, match=r"a\.parquet is not a readable Parquet file"):
            list(read_documents(path))
    path.write_bytes(good[:4] + bytes(len(good) // 2) + good[4 + len(good) // 2 :])
    with pytest.raises(FormatError, match=r"a\.parquet is not a readable Parquet file"):
        list(read_documents(path))


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["x"]})
    real = builtins.__import__

    def without_pyarrow(name: str, *arguments, **keywords):
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(MissingExtraError, match=r"pip install 'primetone\[parquet\]'"):
        list(read_documents(path))
