"""Each format that is read, from real files made here: its text, and what is said of bad ones."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import make_docx, make_epub, make_pdf, make_zip, paragraph
from primetone.errors import Error, FormatError, TextError
from primetone.text.ingestion.formats import How, extracts, format_of
from primetone.text.ingestion.markup import decode_html, html_to_text
from primetone.text.ingestion.rows import rows


def texts(path: Path, **how: str) -> list[str]:
    kind = format_of(str(path))
    assert kind is not None
    return [extract.text for extract in extracts(str(path), kind, How(**how))]


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a.txt", "text"), ("A.MD", "text"), ("a.py", "text"), ("a.htm", "html")),
        *(("a.xhtml", "html"), ("a.ndjson", "jsonl"), ("a.tsv", "csv"), ("a.docx", "docx")),
        *(("a.epub", "epub"), ("a.PDF", "pdf"), ("a.txt.gz", "text"), ("a.html.zst", "html")),
        *(("a.pdf.gz", None), ("a.png", None), ("README", None), ("a.gz", None)),
    ],
)
def test_names_tell_formats(name: str, kind: str | None) -> None:
    assert format_of(f"some.folder/{name}") == kind


def test_text_and_its_packed_and_encoded_forms(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "a.txt", "a naïve\r\n猫")) == ["a naïve\r\n猫"]
    packed = written(tmp_path / "a.md.gz", gzip.compress(b"# packed"))
    assert texts(packed) == ["# packed"]
    latin = written(tmp_path / "l.txt", "naïve".encode("cp1252"))
    assert texts(latin, encoding="cp1252") == ["naïve"]
    with pytest.raises(TextError, match="0xef at byte offset 2"):
        texts(latin)


def test_records(tmp_path: Path) -> None:
    trees = [{"text": "one\ntwo", "n": 1}, {"text": ""}, {"text": "three"}]
    path = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, trees)))
    assert texts(path) == ["one\ntwo", "three"]
    with pytest.raises(TextError, match="line 2 .* expected the field 'n'"):
        texts(written(tmp_path / "b.jsonl", '{"n": "x"}\n{"text": "y"}'), field="n")


def test_tables(tmp_path: Path) -> None:
    table = 'id,text\r\n1,"one, ""quoted""\r\nand broken"\r\n\r\n2,\r\n3,three\r\n'
    path = written(tmp_path / "a.csv", "\ufeff" + table)
    assert texts(path) == ['one, "quoted"\r\nand broken', "three"]
    assert texts(path, field="id") == ["1", "2", "3"]
    assert texts(written(tmp_path / "a.tsv", "text\tid\na,b\t1\n")) == ["a,b"]
    long = "x" * 300_000  # beyond the usual limit of the csv module
    assert texts(written(tmp_path / "long.csv", f"text\n{long}\n")) == [long]
    names = [e.name for e in extracts(str(path), "csv", How())]
    assert names == [f"{path}:3", f"{path}:6"]
    with pytest.raises(TextError, match="expected a column 'body', found the columns 'id', 'text'"):
        texts(path, field="body")
    with pytest.raises(FormatError, match="line 3 is damaged: expected 2 columns, found 1"):
        texts(written(tmp_path / "b.csv", "id,text\n1,a\n2\n"))


def test_word_documents(tmp_path: Path) -> None:
    cell = "<w:tc>{}</w:tc>".format
    table = (
        f"<w:tbl><w:tr>{cell(paragraph('a'))}{cell(paragraph('b') + paragraph('c'))}</w:tr>"
        f"<w:tr>{cell(paragraph('d'))}{cell('<w:p/>')}</w:tr></w:tbl>"
    )
    versions = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/'
        f'2006"><mc:Choice>{paragraph("once")}</mc:Choice><mc:Fallback>{paragraph("once")}'
        "</mc:Fallback></mc:AlternateContent>"
    )
    changed = (
        "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t>"
        "</w:r></w:ins><w:r><w:instrText>PAGE</w:instrText><w:tab/><w:t>x</w:t><w:br/>"
        "<w:t>y</w:t><w:noBreakHyphen/></w:r></w:p>"
    )
    body = paragraph("One ", "para &amp; graph.") + table + versions + changed
    text = texts(make_docx(tmp_path / "a.docx", body))
    assert text == ["One para & graph.\n\na\tb c\nd\t\n\nonce\n\nnew\tx\ny-"]


def test_books_are_read_in_the_order_of_their_spine(tmp_path: Path) -> None:
    book = make_epub(tmp_path / "a.epub", ["<h1>I</h1><p>It&nbsp;was</p>", "<p>the <i>end</i></p>"])
    assert texts(book) == ["I\n\nIt\xa0was\n\nthe end"]


def encryption(method: str, member: str) -> dict[str, str | bytes]:
    enc = "http://www.w3.org/2001/04/xmlenc#"
    return {
        "META-INF/encryption.xml": (
            f'<encryption xmlns:e="{enc}"><e:EncryptedData><e:EncryptionMethod Algorithm="{method}"'
            f'/><e:CipherData><e:CipherReference URI="{member}"/></e:CipherData>'
            "</e:EncryptedData></encryption>"
        )
    }


def test_locked_books(tmp_path: Path) -> None:
    member = "OEBPS/text/chapter%200.xhtml"
    aes = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc", member)
    with pytest.raises(FormatError, match="encrypted"):
        texts(make_epub(tmp_path / "a.epub", ["<p>x</p>"], extra=aes))
    font = encryption("http://www.idpf.org/2008/embedding", "OEBPS/fonts/a.otf")
    assert texts(make_epub(tmp_path / "b.epub", ["<p>x</p>"], extra=font)) == ["x"]


def test_pdf(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [["One (line)", "divi-", "ded"], ["two’s"]])
    (extract,) = extracts(str(path), "pdf", How())
    assert extract.has_pages
    assert extract.text == "One (line)\ndivi-\nded\ftwo’s"
    # encrypted with an empty password, as what may be read but not printed
    assert texts(make_pdf(tmp_path / "b.pdf", [["still open"]], password="")) == ["still open"]


def bad_files(folder: Path) -> Iterator[tuple[Path, str]]:
    zipped = make_docx(folder / "a.docx", paragraph("x" * 5000)).read_bytes()
    pdf = make_pdf(folder / "a.pdf", [["x" * 70] * 30]).read_bytes()
    yield written(folder / "not.docx", b"plain text"), "expected a docx file, which is a zip"
    yield written(folder / "cut.docx", zipped[: len(zipped) // 2]), "found none"
    yield written(folder / "old.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest"), "encrypted"
    yield make_zip(folder / "empty.epub", {"a": "b"}), "it has no META-INF/container.xml"
    yield make_docx(folder / "torn.docx", "<w:p><w:r>"), "word/document.xml is damaged XML"
    laughs = '<!DOCTYPE a [<!ENTITY l "&l;&l;">]><a>&l;</a>'
    yield make_zip(folder / "laughs.docx", {"_rels/.rels": laughs}), "declares entities"
    missing = make_epub(folder / "missing.epub", ["<p>x</p>"])
    yield make_zip(missing, {"META-INF/container.xml": "<rootfile/>"}), "no package of chapters"
    yield written(folder / "not.pdf", b"plain text"), "does not begin with %PDF-"
    yield written(folder / "cut.pdf", pdf[:200]), "it is damaged"
    yield make_pdf(folder / "locked.pdf", [["x"]], password="x"), "opens only with a password"
    yield make_pdf(folder / "scan.pdf", [[], []]), "no text in its 2 pages"


def test_bad_files_say_what_is_wrong(tmp_path: Path) -> None:
    for path, words in bad_files(tmp_path):
        with pytest.raises(Error) as caught:
            texts(path)
        assert words in str(caught.value), path


def test_a_member_with_a_flipped_bit(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "a.docx", paragraph("x" * 5000))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("word/document.xml")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"word/document.xml is damaged"):
        texts(path)


def test_a_zip_bomb(tmp_path: Path) -> None:
    bomb = make_docx(tmp_path / "bomb.docx", " " * (64 << 20))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(FormatError, match="a zip bomb does"):
        texts(bomb)


# --- HTML ---


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("plain", "plain"),
        ("<p>One <b>bo</b>ld,\n\n two.<p>three", "One bold, two.\n\nthree"),
        ("a<br>b<br><br>c<br/>d", "a\nb\n\nc\nd"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<table><tr><td>1<td>2</td></tr><tr><td>3</td></tr></table>", "1\t2\n3"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><th>3</th></tr></table>", "1\t2\n3"),
        ("x<pre>a\n  b</pre>y", "x\n\na\n  b\n\ny"),
        ("<title>t</title><style>p {}</style>x<script>if (a<b) '</p>'</script>y", "xy"),
        ("<nav>menu</nav>x<NAV>menu</Nav >y", "xy"),
        ("<script>never ends <p>so what", "never ends\n\nso what"),
        ("a<!-- <p> -- > -->b<!DOCTYPE x>c<?php >d", "abcd"),
        ("a<!-- never ends", "a"),
        ("5 < 6 > 4 <3 a<", "5 < 6 > 4 <3 a<"),
        ("<a href='x>y' title=\"a>b\">link</a>", "link"),
        ("<p class=it's>x", "x"),
        ('<a href="x>y', "y"),
        ("&lt;&amp;&#65;&#x42;&nosuch;&#99999999999999;", "<&AB&nosuch;\ufffd"),
        ("İ<script>İ</script>x", "İx"),
    ],
)
def test_html(page: str, text: str) -> None:
    assert html_to_text(page) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("naïve".encode(), "naïve"),
        (b"<meta charset='latin1'>na\xefve\x93", "naïve“"),
        (b'<meta http-equiv=x content="text/html; charset=shift_jis">\x94L', "猫"),
        ("naïve".encode("utf-16"), "naïve"),
        (b"\xef\xbb\xbfna\xc3\xafve", "naïve"),
        (b'<?xml version="1.0" encoding="iso-8859-2"?>\xb3', "ł"),
    ],
)
def test_the_encoding_of_pages(data: bytes, text: str) -> None:
    assert html_to_text(decode_html(data, "utf-8")) == text


def test_pages_that_cannot_be_decoded(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="expected utf-8, found byte 0xef at byte offset 2"):
        texts(written(tmp_path / "a.html", b"na\xefve"))
    with pytest.raises(TextError, match="unknown encoding: x-klingon"):
        texts(written(tmp_path / "b.html", b"<meta charset=x-klingon>"))


# --- rows ---


def test_rows() -> None:
    text = "One is. Two\nis two! “Three?”  he asked. \n \nFour"
    assert list(rows(text, "document")) == [text]
    assert list(rows(text, "paragraph")) == ["One is. Two\nis two! “Three?”  he asked. ", "Four"]
    assert list(rows(text, "line")) == ["One is. Two", "is two! “Three?”  he asked. ", "Four"]
    sentences = ["One is.", "Two is two!", "“Three?” he asked.", "Four"]
    assert list(rows(text, "sentence")) == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. J. R. Smith vs. Mr. Jones, cf. Fig. 3.", "So did I.", "(He left.)", "End"],
        ["Wait... what?!", "“Yes.”", "«Oui !»", "3.14 is pi."],
        ["猫が好き。", "本当？」", "はい！"],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    joiner = "" if sentences[0].endswith("。") else " "
    assert list(rows(joiner.join(sentences), "sentence")) == sentences
