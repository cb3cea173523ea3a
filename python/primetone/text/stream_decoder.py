"""Text from ids that come one by one."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from primetone.text.tokenizer import Tokenizer


@final
class StreamDecoder:
    """Text from ids that come one by one, never half a character.

    The space after a word, of characters or of a list, waits for the next word.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_specials: bool) -> None:
        self._tokenizer = tokenizer
        self._skipped = frozenset(tokenizer.specials.values()) if skip_specials else frozenset()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ends_words = tokenizer.end_of_word_id is not None or tokenizer.units == "words"
        self._waiting = b""

    def push(self, token_id: int) -> str:
        """The characters that this id completes; often none, when it ends inside one."""
        if token_id in self._skipped:
            return ""
        token = self._waiting + self._tokenizer[token_id]
        if self._ends_words:
            self._waiting = b" " if token.endswith(b" ") else b""
            token = token.removesuffix(b" ")
        return self._decoder.decode(token)

    def finish(self) -> str:
        """What is left: U+FFFD if the ids ended inside a character, else nothing."""
        return self._decoder.decode(b"", final=True)
