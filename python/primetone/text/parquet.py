"""Parquet: the texts of one column, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from primetone.errors import FormatError, MissingExtraError, TextError
from primetone.files import file_error
from primetone.text.document import Document
from primetone.text.sources import Source

_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20


def documents_of_parquet(
    source: Source, field: str, *, begin: int = 0, end: int | None = None
) -> Iterator[Document]:
    """The texts of the column ``field``, empty ones left out, a document a row.

    Only the row groups are read that begin at ``begin`` or later, and before ``end``, were all of
    one size. Memory: the rows of a batch, and a compressed page of the column.

    Errors: MissingExtraError without pyarrow; TextError for a missing column, one that holds no
    text, and a row without text; FormatError for a file that is damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"{source.path}: reading Parquet needs pyarrow, which is not installed: "
            "pip install 'primetone[parquet]'"
        ) from None
    try:
        with parquet.ParquetFile(source.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            _require_text(source.path, file.schema_arrow, field)
            row = 1
            for number in range(file.num_row_groups):
                place = source.size_bytes * number // file.num_row_groups
                if end is not None and place >= end:
                    return
                if place >= begin:
                    yield from _of_group(source.path, file, number, field, row)
                row += file.metadata.row_group(number).num_rows
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system, not of pyarrow
            raise file_error(error, source.path, "read") from None
        raise FormatError(
            f"{source.path} is not a readable Parquet file: {_first_line(error)}; "
            "write or fetch it again"
        ) from None


def _of_group(path: str, file: Any, number: int, field: str, row: int) -> Iterator[Document]:
    import pyarrow

    batches = file.iter_batches(
        batch_size=_BATCH_ROWS, row_groups=[number], columns=[field], use_threads=False
    )
    for batch in batches:
        column = batch.column(0)
        if pyarrow.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        # what a file calls a string was not looked at so far
        column.validate(full=True)
        for data in column.cast(pyarrow.large_binary()).to_pylist():
            if data is None:
                raise TextError(
                    f"{path}, row {row:,}: expected text in the column {field!r}, found null; "
                    "leave such rows out"
                )
            if data:
                yield Document(f"{path}, row {row}", data)
            row += 1


def _require_text(path: str, schema: Any, field: str) -> None:
    import pyarrow

    if schema.names.count(field) != 1:
        names = ", ".join(map(repr, schema.names[:8])) or "none"
        raise TextError(
            f"{path}: expected one column {field!r}, found the columns {names}; "
            "say which column holds the text"
        )
    kind = schema.field(field).type
    inner = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    is_text = (pyarrow.types.is_string, pyarrow.types.is_large_string)
    if not any(test(inner) for test in is_text):
        raise TextError(f"{path}: expected text in the column {field!r}, found {kind}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
