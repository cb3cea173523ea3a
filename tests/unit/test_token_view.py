"""Tokens to look at, and where two tokenizers differ."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primetone.errors import TextError
from primetone.text.token_differences import can_be_compared, differences
from primetone.text.token_view import visible
from primetone.text.tokenizer import Tokenizer

HOSTILE = "<b>&\"'\n\x1b[31m\x07\u202e\u2028\x00 x"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn(["the cat sat on the mat"], vocab_size=270, specials=["<b>", "<pad>"])


def test_what_is_shown_is_what_can_be_seen() -> None:
    assert visible(b"caf\xc3\xa9 \n\x1b\xff") == "café \\n\\x1b\\xff"
    assert visible("\u202e\u00a0\U000e0001".encode()) == "\\u202e\\xa0\\U000e0001"
    assert [visible(token) for token in (b"\n", b"\\n", b"\xff", b"\\xff")] == [
        "\\n",
        "\\\\n",
        "\\xff",
        "\\\\xff",
    ]


@given(st.binary(max_size=30))
def test_no_control_character_is_shown(token: bytes) -> None:
    assert visible(token).isprintable()


def test_a_notebook_shows_escaped_spans(tokenizer: Tokenizer) -> None:
    page = tokenizer.show(HOSTILE)._repr_html_()
    inside = re.findall(r"<span title=\"([^\"]*)\" style=\"[^\"]*\">(.*?)</span>", page)
    assert len(inside) == len(tokenizer.encode(HOSTILE))
    assert all("<" not in text and '"' not in text for _, text in inside)
    assert "&lt;" in page and "\\x1b" in page and "\\u2028" not in inside[0][1]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2028]", page)
    assert inside[0][0] == f"id {tokenizer.encode('<')[0]}, 1 byte"
    special = tokenizer.show("<b>", allowed_special="all")._repr_html_()
    assert "special" in special and "<b>" not in special
    many = tokenizer.show("z" * 6000)._repr_html_()
    assert "and 1,000 more" in many
    assert len(many) < 1_000_000


def test_print_has_bars_and_a_terminal_colours(tokenizer: Tokenizer) -> None:
    view = tokenizer.show("the cat\nx<pad>", allowed_special=["<pad>"])
    assert str(view).splitlines()[0].startswith("the│ cat")
    assert str(view).splitlines()[-1] == "x│<pad>"
    assert repr(view).startswith(f"TokenView({len(view)} tokens: 'the', ' cat'")
    assert [span.token_id for span in view] == tokenizer.encode(
        "the cat\nx<pad>", allowed_special="all"
    ).tolist()
    assert [span.is_special for span in view][-1]
    coloured = tokenizer.show(HOSTILE).lines(colour=True)
    plain = re.sub(r"\x1b\[(30;48;5;\d+|1;7|0)m", "", coloured)
    assert all(line.isprintable() for line in plain.split("\n"))
    assert "│" not in plain
    assert str(tokenizer.show("")) == ""


def test_differences_are_the_shortest_runs() -> None:
    large = Tokenizer.learn(["the cat sat on the mat"] * 2, vocab_size=270)
    small = large.prefix(259)
    text = b"xx the cat"
    assert can_be_compared(large, small)
    assert list(differences(large, large, text)) == []
    assert list(differences(large, small, b"")) == []
    found = list(differences(large, small, text))
    assert found
    for place in found:
        joined = b"".join(place.first)
        assert joined == b"".join(place.second) == text[place.start : place.start + len(joined)]
        assert place.first != place.second
    tokens = [large[int(token_id)] for token_id in large.encode(text)]
    end = 0
    kept = []
    for token in tokens:  # what stands outside the differences is the same token
        if not any(p.start <= end < p.start + len(b"".join(p.first)) for p in found):
            kept.append(token)
        end += len(token)
    assert all(token in small for token in kept)
    words = Tokenizer.learn_characters(["the cat"], vocab_size=30)
    assert not can_be_compared(words, large)
    with pytest.raises(TextError, match="UTF-8"):
        list(differences(Tokenizer.characters(["ab"]), large, b"\xff"))
