"""What docs/ingest.md says of filters and formats is true."""

from __future__ import annotations

import re
from pathlib import Path

from primetone.cli.ingest import ingest
from primetone.text.ingestion.filters import FILTERS, SETS, clean
from primetone.text.ingestion.formats import FORMATS

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "ingest.md").read_text(encoding="utf-8")
FILTER_ROW = re.compile(r"^\| `([\w-]+)` \|([^|]*)\|([^|]*)\| `(.*)` \| `(.*)` \|$", re.MULTILINE)
ESCAPES = {r"\n": "\n", r"\r": "\r", r"\f": "\f", r"\t": "\t", r"\|": "|"}


def plain(example: str) -> str:
    """An example as the text it stands for."""
    example = re.sub(r"\\u(....)", lambda code: chr(int(code[1], 16)), example)
    return re.sub(r"\\[nrft|]", lambda escape: ESCAPES[escape[0]], example)


def test_the_table_of_filters() -> None:
    rows = FILTER_ROW.findall(DOCUMENT)
    assert [name for name, *_ in rows] == list(FILTERS)
    for name, default, classic, before, after in rows:
        assert clean(plain(before), {name})[0] == plain(after), name
        in_default = {"yes": {"default", "pages"}, "PDF": {"pages"}, "": set()}[default.strip()]
        in_classic = {"yes": {"classic"}, "": set()}[classic.strip()]
        assert {each for each, names in SETS.items() if name in names} == in_default | in_classic


def test_the_table_of_formats() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\.\w+` ?)+)", DOCUMENT, re.MULTILINE)
    assert [name for name, _ in rows] == list(FORMATS)
    for name, suffixes in rows:
        assert set(re.findall(r"\.\w+", suffixes)) <= set(FORMATS[name])


def test_the_help_names_every_filter() -> None:
    assert ingest.__doc__ is not None
    assert ", ".join(FILTERS) in " ".join(ingest.__doc__.split())
