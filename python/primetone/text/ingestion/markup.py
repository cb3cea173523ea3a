"""HTML to text: what a reader of the page would see, paragraphs apart, in linear time."""

from __future__ import annotations

import codecs
import html
import re

__all__ = ["decode_html", "html_to_text"]

# what is in quotes may hold a ">"; a quote that is never closed is a character like others
_TAG = re.compile(
    r"""<(/?)([A-Za-z][^\s/>]*+)((?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>])*+)>""", re.DOTALL
)
_PLAIN_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*+)([^>]*+)>")
_SPACE = re.compile(r"[ \t\n\r\f]+")
# Python refuses to read a number of thousands of digits, and no character has such a number
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.I)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.-]+)""")
_HEAD_BYTES = 2048

_UNSEEN = frozenset(
    {
        *("script", "style", "template", "noscript", "title", "textarea", "select", "svg", "math"),
        *("iframe", "object", "canvas", "audio", "video", "button", "nav"),
    }
)
_PARAGRAPHS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "center", "dl", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "main", "ol", "p", "pre", "section", "table", "ul", "details", "summary"),
    }
)
_LINES = frozenset({"br", "dd", "div", "dt", "li", "tr", "caption", "option", "legend"})
_CELLS = frozenset({"td", "th"})
_STRENGTHS = ("", "\t", "\n", "\n\n")


def decode_html(data: bytes, encoding: str) -> str:
    """Bytes of a page as text: by its byte order mark, by what it says of itself, or as told.

    Errors: UnicodeDecodeError where they are not in that encoding, LookupError for an unknown one.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name)
    head = data[:_HEAD_BYTES]
    said = _CHARSET.search(head) or _XML_ENCODING.match(head)
    if said is None:
        return data.decode(encoding)
    name = codecs.lookup(said[1].decode()).name
    if name.startswith("utf-16"):  # the words above would not have been found in it
        name = "utf-8"
    # what calls itself latin-1 on the web is its superset
    return data.decode("cp1252" if name in ("iso8859-1", "ascii") else name)


def html_to_text(page: str) -> str:
    """The text of ``page``: paragraphs apart by an empty line, cells of a row by tabs.

    What browsers do not show (scripts, styles, templates, comments) and what is there to be pressed
    (buttons, menus in ``nav``) is left out. White space is squeezed but in ``pre``.
    """
    writer = _Writer()
    skip = _Skipper(page)
    tag = _TAG
    at, end, last_bracket = 0, len(page), page.rfind(">")
    while at < end:
        start = page.find("<", at)
        is_comment = start >= 0 and page.startswith("<!--", start)
        if not is_comment and (start < 0 or start > last_bracket):
            writer.text(page[at:])
            break
        writer.text(page[at:start])
        if is_comment or page.startswith(("<!", "<?"), start):
            at = _after_declaration(page, start)
            continue
        found = tag.match(page, start)
        if found is None and tag is _TAG and page[start + 1 : start + 2].isalpha():
            tag = _PLAIN_TAG  # its quotes never end: from here on they do not count
            found = tag.match(page, start)
        if found is None:
            at = start + 1
            if page.startswith("</", start):  # an end of nothing, as browsers have it
                at = page.find(">", start) + 1
            else:
                writer.text("<")
            continue
        at = found.end()
        name = found[2].lower()
        is_end = bool(found[1])
        if name in _UNSEEN and not is_end and not found[3].endswith("/"):
            at = skip.element(name, at)
        else:
            writer.tag(name, is_end=is_end)
    return writer.finish()


def _after_declaration(page: str, start: int) -> int:
    if page.startswith("<!--", start):
        end = page.find("-->", start + 4)
        return len(page) if end < 0 else end + 3
    if page.startswith("<![CDATA[", start):
        end = page.find("]]>", start)
        return len(page) if end < 0 else end + 3
    return page.find(">", start) + 1


class _Skipper:
    """Finds the ends of elements that are not shown."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._without_end: set[str] = set()

    def element(self, name: str, at: int) -> int:
        """The place behind the end of the element; ``at`` itself if it has no end."""
        if name in self._without_end:  # asking again would take square time
            return at
        end = re.compile(f"</{name}[^>]*+>", re.IGNORECASE).search(self._page, at)
        if end is None:
            self._without_end.add(name)
            return at
        return end.end()


class _Writer:
    """Text as it comes, with the breaks that blocks ask for: the strongest of several counts."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._break = ""
        self._was_line_break = False
        self._preformatted = 0

    def text(self, raw: str) -> None:
        """Text between two tags."""
        if not raw:
            return
        words = raw
        if "&" in raw:
            words = html.unescape(_HUGE_REFERENCE.sub("\ufffd", raw))
        if not self._preformatted:
            words = _SPACE.sub(" ", words)
            if self._break or not self._parts or self._parts[-1].endswith((" ", "\n")):
                words = words.removeprefix(" ")
        if words:
            self._write(words)

    def tag(self, name: str, *, is_end: bool) -> None:
        """A tag, for what it breaks."""
        if name == "br":
            # two of them are what many pages have for a paragraph
            self._ask("\n\n" if self._was_line_break else "\n")
            self._was_line_break = True
        elif name in _PARAGRAPHS:
            self._ask("\n\n")
        elif name in _LINES:
            self._ask("\n")
        elif name in _CELLS:
            self._ask("\t")
        if name == "pre":
            self._preformatted = max(0, self._preformatted + (-1 if is_end else 1))

    def finish(self) -> str:
        """All of the text."""
        return "".join(self._parts).strip()

    def _ask(self, wanted: str) -> None:
        if self._parts and _STRENGTHS.index(wanted) > _STRENGTHS.index(self._break):
            self._break = wanted

    def _write(self, words: str) -> None:
        if self._break:
            self._parts[-1] = self._parts[-1].rstrip(" ")
            self._parts.append(self._break)
            self._break = ""
        self._was_line_break = False
        self._parts.append(words)
