"""Laws of the cleaning filters, of rows and of HTML, for every text; and the original's rules."""

from __future__ import annotations

import contextlib
import functools
import html
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from documents import make_docx, make_epub, paragraph
from primetone.errors import ConfigError, Error
from primetone.text.ingestion.filters import FILTERS, SETS, chosen_filters, clean
from primetone.text.ingestion.formats import How, extracts
from primetone.text.ingestion.markup import html_to_text
from primetone.text.ingestion.rows import PER, Per, rows

WORDS = (
    *(
        "The",
        "cat",
        "oneWord",
        "FIGURE 3",
        "naïve",
        "猫。",
        "Dr.",
        "x-",
        "1.2",
        "12",
        "-3",
        ".....",
    ),
    *("well-known", "well-\nknown", "wellknown", "Well\u2010\nKnown", "a-\nb-\nc"),
    *("|", "o", "O", "ab", "OK", ".", "?", "!", ":", " ", "  ", "\t", "\n", "\n\n", "\r\n", "\r"),
    *("\f", "\v", "\u2028", "\x85", "\xa0", "\u00ad\n", "-\n", "\ufeff", "\x00", "7 ... 9", "iv"),
    *("*** START OF THE PROJECT GUTENBERG EBOOK X ***\n", "*** END OF THIS PROJECT GUTENBERG\n"),
    *("a sentence of more than twenty letters", "again again", "1 2 3", "4 5.5 +6", '"', "”"),
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
)
REPEATABLE = sorted(
    FILTERS.keys() - {"page-heads", "hyphens", "merge-lines", "gutenberg", "repeats"}
)
"""A second time, these change nothing. The others may: heads behind heads, a-\\nb-\\nc, pairs of
pairs, a book within a book, and a line said four times."""


@given(TEXTS, st.sampled_from(REPEATABLE))
def test_filters_that_change_nothing_the_second_time(text: str, name: str) -> None:
    once, _ = clean(text, {name})
    twice, removed = clean(once, {name})
    assert twice == once
    assert removed[name].characters == 0
    if name not in ("unwrap", "letters"):
        assert removed[name].times == 0


@given(TEXTS, st.sets(st.sampled_from(sorted(FILTERS)), max_size=4))
def test_what_was_removed_adds_up(text: str, names: set[str]) -> None:
    after, removed = clean(text, names)
    assert list(removed) == [name for name in FILTERS if name in names]
    assert len(text) - len(after) == sum(one.characters for one in removed.values())
    if not names:
        assert after == text


@given(TEXTS)
def test_the_default_keeps_every_word(text: str) -> None:
    """Case, digits and punctuation stay; nothing goes but controls, blank lines and a licence."""
    if "GUTENBERG" in text:
        return
    after, _ = clean(text, chosen_filters("default"))
    dropped = r"[\x00-\x1f\x7f-\x9f\u00ad\u2028\u2029\u2060\ufeff\ufffe\uffff\s]"
    assert re.sub(dropped, "", after) == re.sub(dropped, "", text)


@given(TEXTS)
def test_pages_are_cleaned_as_others_but_for_their_heads(text: str) -> None:
    """With heads left alone, every letter and digit of a PDF stays."""
    if "GUTENBERG" in text:
        return
    after, _ = clean(text, chosen_filters("no-page-heads", has_pages=True))
    assert re.findall(r"\w", after) == re.findall(r"\w", text)


@given(TEXTS)
def test_compounds_keep_what_the_text_has_elsewhere(text: str) -> None:
    """By the definition, word for word."""
    letters = r"[^\W\d_]"
    lower = text.lower()

    def expected(found: re.Match[str]) -> str:
        left, right = found[1].lower(), found[3].lower()
        has_compound = re.search(f"(?<!{letters}){left}[-\u2010]{right}(?!{letters})", lower)
        has_joined = re.search(f"(?<!{letters}){left}{right}(?!{letters})", lower)
        return found[1] + found[2] + ("" if has_compound and not has_joined else "\n")

    pattern = f"(?<!{letters})({letters}+)([-\u2010])\n(?=({letters}+))"
    assert clean(text, {"compounds"})[0] == re.sub(pattern, expected, text)


def original(text: str) -> str:
    """The rules of the fourth project, by plain regular expressions, with three things mended.

    Mended: every kind of line end counts as one, a number that was divided by a hyphen is not
    joined, a line without letters is dropped before repeats are looked for.
    """
    text = re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", text)
    text = re.sub("(?<=[^\\W\\d_])[-\u00ad\u2010]\n(?=[^\\W\\d_])", "", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    lines = [line for line in text.split("\n") if line.strip()]
    junk = (
        r"\s*\d+(\.\d+)*\s+.+?\.{2,}\s*\d+\s*",
        r"[|oO\s]+",
        r"\s*[A-Za-z]{2}\s*",
        r"\s*(?i:figure)\s+\d.*",
        r"([-+]?\d+(\.\d+)?\s+){2,}[-+]?\d+(\.\d+)?\s*",
    )
    kept: list[str] = []
    while lines:
        line = lines.pop(0)
        if any(re.fullmatch(pattern, line, re.DOTALL) for pattern in junk):
            continue
        if lines and line[-1] not in ".?!;:":
            line = line.strip() + " " + lines.pop(0).strip()
        letters = " ".join(re.findall("[A-Za-z]+", line))
        is_twice = re.fullmatch(r"(.+) \1", letters) is not None
        is_repeat = bool(kept) and letters == kept[-1]
        if letters and len(line) >= 20 and not is_twice and not is_repeat:
            kept.append(letters)
    return "\n".join(kept)


@given(TEXTS)
@example(
    "1 ... 9\n12 ...... 7 \n1.10. x...5\n3 a .. 4\n 1 2 3\n1 2 3\n+1 -2.5 3 \noO | \nok\nFigure 1"
)
@example("a line that goes on and\nFIGURE 1 is junk no more\nno no no no no no no no no no no")
def test_classic_is_what_the_original_did(text: str) -> None:
    assert clean(text, chosen_filters("classic"))[0] == original(text)


@given(TEXTS, st.sampled_from(sorted(PER)))
def test_rows_hold_all_words_in_order(text: str, per: Per) -> None:
    found = list(rows(text, per))
    assert all(row.strip() for row in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(TEXTS)
def test_escaped_text_survives_html(text: str) -> None:
    page = f"<p>{html.escape(text)}</p>"
    # white space of markup is one space; the reader of a page sees no control characters
    if re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]", text):
        return
    expected = re.sub(r"[ \t\n\r\f]+", " ", text).strip()
    assert html_to_text(page) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "/",
                "p",
                "<p>",
                "</p>",
                "<!--",
                "-->",
                "'",
                '"',
                "=",
                "a ",
                "<script>",
                "</script",
                "<nav>",
                "&",
                "&#",
                "<br>",
                "<pre>",
                "<td>",
                "\n",
            ]
        ),
        max_size=30,
    ).map("".join)
)
def test_broken_html_is_no_error(page: str) -> None:
    html_to_text(page)


def test_words_choose_filters() -> None:
    assert chosen_filters("default") == frozenset(SETS["default"])
    assert chosen_filters("default", has_pages=True) == frozenset(SETS["pages"])
    assert chosen_filters("unwrap, no-controls") == {*SETS["default"], "unwrap"} - {"controls"}
    assert chosen_filters(["none", "letters"]) == {"letters"}
    assert chosen_filters("none") == frozenset()
    for words, message in (
        ("leters", "did you mean 'letters'"),
        ("letters,classic", "a set stands first"),
        ("no-default", "a set stands first"),
        ("unwrap,merge-lines", "choose one"),
        ("", "unknown ''"),
    ):
        with pytest.raises(ConfigError, match=message):
            chosen_filters(words)


HOSTILE = {
    "one letter": ("", "a", ""),
    "blanks": ("", " ", ""),
    "line feeds": ("", "\n", ""),
    "blank lines": ("", " \n", ""),
    "digits": ("", "1", ""),
    "numbers": ("", "1 ", ""),
    "sections": ("1", ".1", ""),
    "leaders": ("1 ", ".", " x"),
    "leaders and numbers": ("1 ", "..1", "x"),
    "said twice": ("", "a ", "b"),
    "hyphens": ("", "-\n", ""),
    "divided": ("", "a-\n", ""),
    "divided and whole": ("", "ab-\ncd ab-cd ", ""),
    "compounds": ("", "a-", ""),
    "capitals": ("", "aB", ""),
    "pages": ("", "\f", ""),
    "pages of one line": ("", "x\f", ""),
    "pages of many": ("", "x y\n", "\f"),
    "marks": ("", "*** START OF THE PROJECT GUTENBERG\n", ""),
    "marks without an end": ("", "*** END OF THE PROJECT GUTENBERG", ""),
    "sentences": ("", "A. ", ""),
    "quotes": ("", '."', ""),
    "open quotes": ("", '. "', ""),
    "closing quotes": (".", '"', ""),
    "full stops": ("", ".", ""),
    "tags": ("", "<a ", ""),
    "quoted tags": ("", '<a ="', '>"'),
    "never closed": ("", "<nav><script>", ""),
    "comments": ("", "<!--", ""),
    "references": ("", "&#1", ""),
}
"""Texts as a beginning, what is repeated, and an end."""


@pytest.mark.parametrize("shape", HOSTILE)
def test_time_is_linear(shape: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four, in every filter."""
    begin, unit, end = HOSTILE[shape]
    small, large = (begin + unit * (size // len(unit)) + end for size in (25_000, 200_000))
    runs: list[Callable[[str], object]] = [html_to_text]
    runs += [functools.partial(clean, filters={name}) for name in FILTERS]
    runs += [functools.partial(drain, per=per) for per in PER]
    for run in runs:
        assert seconds(run, large) < 0.05 or any(
            seconds(run, large) < 24 * seconds(run, small) for _ in range(5)
        ), run


def drain(text: str, per: Per) -> None:
    for _ in rows(text, per):
        pass


def seconds(run: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    run(text)
    return time.process_time() - started


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound document of each format but PDF, whose reader is no Python."""
    folder = tmp_path_factory.mktemp("whole")
    make_docx(folder / "a.docx", paragraph("One ", "two &amp; three") * 9)
    make_epub(folder / "a.epub", ["<p>One</p>" * 9, "<h1>Two</h1>"])
    (folder / "a.csv").write_text('n,text\n1,"a ""quoted"" one"\n2,two\n')
    (folder / "a.jsonl").write_text('{"text": "one"}\n{"text": "two", "n": [1, {}]}\n')
    (folder / "a.html").write_text("<meta charset=utf-8><p a='b'>One &amp; <!-- c -->two</p>")
    return folder


@given(
    st.sampled_from(["docx", "epub", "csv", "jsonl", "html"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=6)), max_size=6),
)
def test_damaged_documents_are_read_or_refused(
    whole: Path, kind: str, damages: list[tuple[float, int, bytes]]
) -> None:
    """Whatever bytes are cut out, changed or put in: text, or an error that is meant for people."""
    data = (whole / f"a.{kind}").read_bytes()
    for place, num_cut, put_in in damages:
        at = round(place * len(data))
        data = data[:at] + put_in + data[at + num_cut :]
    damaged = whole / f"damaged.{kind}"
    damaged.write_bytes(data)
    with contextlib.suppress(Error):
        for extract in extracts(str(damaged), kind, How()):
            extract.text.encode()
