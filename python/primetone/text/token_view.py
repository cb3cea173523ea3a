"""Tokens as people look at them: coloured spans in a notebook or a terminal, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Span", "TokenView", "visible"]

# dark enough letters on each, in a light and in a dark terminal; neighbours differ
_HTML_COLOURS = ("#cfe8ff", "#ffe0b8", "#d4f4cf", "#f6d5f0", "#fff3a8")
_TERMINAL_COLOURS = (153, 223, 157, 225, 229)
_HTML_SPECIAL, _TERMINAL_SPECIAL = "#e0e0e0", "1;7"
_MOST_IN_NOTEBOOK = 5000
_MOST_IN_REPR = 40
_BAR = "│"


class Span(NamedTuple):
    """One token of a text."""

    token_id: int
    token: bytes
    is_special: bool


def visible(token: bytes) -> str:
    """The text of a token in which every character can be seen.

    Control and format characters, unusual spaces and bytes that are no UTF-8 are spelled as Python
    escapes them (``\\n``, ``\\x1b``, ``\\u202e``, ``\\xff``), so nothing acts on a terminal.
    A backslash is doubled: no two tokens look alike.
    """
    text = token.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


class TokenView:
    """The tokens of one text, to be looked at; iterating gives a `Span` for each.

    In a notebook it shows as coloured spans with ids as tooltips, in print as text with bars
    between the tokens.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def __str__(self) -> str:
        return self.lines(colour=False)

    def __repr__(self) -> str:
        more = ", ..." if len(self.spans) > _MOST_IN_REPR else ""
        shown = ", ".join(repr(visible(span.token)) for span in self.spans[:_MOST_IN_REPR])
        return f"TokenView({len(self.spans)} tokens: {shown}{more})"

    def lines(self, *, colour: bool) -> str:
        """The tokens as lines for a terminal, broken after tokens that end a line.

        With ``colour`` they have backgrounds (SGR escapes, the only control characters but line
        breaks), else bars between them.
        """
        parts: list[str] = []
        for number, span in enumerate(self.spans):
            text = visible(span.token)
            if colour:
                look = f"30;48;5;{_TERMINAL_COLOURS[number % len(_TERMINAL_COLOURS)]}"
                look = _TERMINAL_SPECIAL if span.is_special else look
                parts.append(f"\x1b[{look}m{text}\x1b[0m")
            else:
                parts.append(text)
            if number + 1 < len(self.spans):
                ends_line = span.token.endswith(b"\n") and not span.is_special
                parts.append("\n" if ends_line else "" if colour else _BAR)
        return "".join(parts)

    def _repr_html_(self) -> str:
        """What a notebook shows: at most some thousand tokens, and how many more there are."""
        parts = ['<pre style="white-space:pre-wrap;line-height:1.6">']
        for number, span in enumerate(self.spans[:_MOST_IN_NOTEBOOK]):
            colour = _HTML_COLOURS[number % len(_HTML_COLOURS)]
            colour = _HTML_SPECIAL if span.is_special else colour
            size = len(span.token)
            kind = "special" if span.is_special else f"{size} byte{'' if size == 1 else 's'}"
            parts.append(
                f'<span title="id {span.token_id}, {kind}" style="background:{colour};color:#000">'
                f"{html.escape(visible(span.token))}</span>"
            )
            if span.token.endswith(b"\n") and not span.is_special:
                parts.append("\n")
        more = len(self.spans) - _MOST_IN_NOTEBOOK
        if more > 0:
            parts.append(f" … and {more:,} more")
        parts.append(f"</pre><small>{len(self.spans):,} tokens</small>")
        return "".join(parts)
