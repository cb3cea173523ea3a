"""What a tokenizer is: its kind, its tokens, its special tokens, its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from primetone import _rust_tok
from primetone.text.arguments import Text
from primetone.text.special_names import BOS_NAMES, EOS_NAMES, PAD_NAMES, first_id

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class TokenizerFacts:
    """What is known of a tokenizer without encoding anything."""

    __slots__ = ("_core", "_learn_report")

    def __init__(self, core: _rust_tok.Tokenizer, learn_report: Mapping[str, Any] | None = None):
        self._core = core
        self._learn_report = None if learn_report is None else dict(learn_report)

    @property
    def kind(self) -> Literal["bpe", "byte", "char", "word"]:
        """What ids stand for."""
        return self._core.kind  # type: ignore[return-value]  # the core has no fifth kind

    @property
    def units(self) -> str:
        """What tokens are made of: "bytes", "characters" or, in a closed list, "words"."""
        return self._core.units

    @property
    def lowercase(self) -> bool:
        """Whether text is lower-cased: words of characters can be, words of a list always are."""
        return self._core.lowercase

    @property
    def end_of_word_id(self) -> int | None:
        """The token that stands for the white space after a word, for words of characters."""
        return self._core.end_of_word_id

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        return self._core.vocab_size

    def __len__(self) -> int:
        return self._core.vocab_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of encoded ids: uint16 where the whole vocabulary fits, else uint32."""
        import numpy as np

        return np.dtype(np.uint16 if self.vocab_size <= 1 << 16 else np.uint32)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: equal exactly when tokens, merges, split and specials are."""
        return self._core.fingerprint

    @property
    def split(self) -> str | None:
        """The name of the split scheme, "custom", or None for characters and words of them."""
        return self._core.split

    @property
    def pattern(self) -> str | None:
        """The split pattern; None for characters and for the scheme none."""
        return self._core.pattern

    @property
    def merges(self) -> list[tuple[int, int, int]]:
        """(left, right, new id) of every merge, in the order they apply."""
        return self._core.merges()

    @property
    def merge_counts(self) -> npt.NDArray[np.uint64] | None:
        """How often each merge's pair occurred when it was learnt; only ``*.merges`` keep it."""
        return self._core.merge_counts()

    @property
    def specials(self) -> dict[str, int]:
        """Ids of the special tokens by name."""
        return dict(self._core.specials)

    @property
    def eos_id(self) -> int | None:
        """The special token that ends a document: <|endoftext|>, <eos>, </s> or <END>."""
        return first_id(self.specials, EOS_NAMES)

    @property
    def bos_id(self) -> int | None:
        """The special token that begins a document, if there is one."""
        return first_id(self.specials, BOS_NAMES)

    @property
    def pad_id(self) -> int | None:
        """The special token that fills up short rows, if there is one."""
        return first_id(self.specials, PAD_NAMES)

    @property
    def unknown_id(self) -> int | None:
        """The special token for characters outside the alphabet, or words outside the list."""
        return self._core.unknown_id

    @property
    def learn_report(self) -> dict[str, Any] | None:
        """What learning did: bytes, pieces, words, merges, why it stopped; None if loaded."""
        return None if self._learn_report is None else dict(self._learn_report)

    def __getitem__(self, token_id: int) -> bytes:
        """The bytes of a token; for a special, its name as bytes."""
        return self._core.token(token_id)

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of every token in the order of ids; ids without one are left out."""
        return iter(self._core.tokens())

    def __contains__(self, token: Text) -> bool:
        return self.id_of(token) is not None

    def id_of(self, token: Text) -> int | None:
        """The id of a token of text, or of a special by its name given as str."""
        if isinstance(token, str):
            special = self.specials.get(token)
            return self._core.id_of(token.encode()) if special is None else special
        return self._core.id_of(token)

    def token_lengths(self) -> npt.NDArray[np.uint32]:
        """Bytes of text that each id stands for, shape (vocab_size,); 0 for specials."""
        return self._core.token_lengths()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenizerFacts) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        split = "" if self.split is None else f", split={self.split!r}"
        return (
            f"Tokenizer({self.kind}, {self.vocab_size} tokens{split}, "
            f"fingerprint {self.fingerprint[:8]})"
        )
