"""`primetone decode`: ids on stdin -> text on stdout."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

SEPARATORS = str.maketrans("[],;", "    ")
CHUNK_CHARACTERS = 1 << 16
LONGEST_ID = 20


def decode(tokenizer: Path, /) -> None:
    """Decode ids from standard input and write the text, byte for byte, to standard output.

    Ids may be separated by blanks, line ends or commas, with or without brackets.

    For example:

        echo hello | primetone encode tokenizer.json - | primetone decode tokenizer.json

    Parameters
    ----------
    tokenizer
        A tokenizer.json (or .tiktoken, or merges.txt) file.
    """
    from primetone.text.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer)
    separator = b""
    for ids in read_ids(sys.stdin or io.StringIO()):  # a closed stdin holds no ids
        sys.stdout.buffer.write(separator + loaded.decode_bytes(ids))
        sys.stdout.buffer.flush()
        if loaded.end_of_word_id is not None and ids:
            # decoding leaves out the space after the last word; more words may follow it
            separator = b" " if loaded[ids[-1]].endswith(b" ") else b""


def read_ids(source: TextIO) -> Iterator[list[int]]:
    """The ids in a text, some thousands at a time; TextError at the first word that is none."""
    from primetone.errors import TextError

    count = 0
    rest = ""
    while True:
        try:
            chunk = source.readline(CHUNK_CHARACTERS)
        except UnicodeDecodeError:
            raise TextError("expected ids as whole numbers on stdin, found binary data") from None
        text = (rest + chunk).translate(SEPARATORS)
        words = text.split()
        rest = ""
        if chunk and words and not text[-1].isspace():
            rest = words.pop()
        ids = []
        for word in [*words, rest] if len(rest) > LONGEST_ID else words:
            count += 1
            if not (word.isascii() and word.isdigit() and len(word) <= LONGEST_ID):
                raise TextError(
                    f"expected ids as whole numbers on stdin, found {word[:40]!r} as number "
                    f"{count}: pass what `primetone encode` prints"
                )
            ids.append(int(word))
        if ids:
            yield ids
        if not chunk:
            return
