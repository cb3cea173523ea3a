"""Text to ids: what a tokenizer makes of one text or of many, and how many ids that are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from primetone import _rust_tok
from primetone.errors import ConfigError, TextError, UnknownTokenError
from primetone.text.arguments import (
    Dtype,
    Text,
    allowed,
    checked,
    checked_seed,
    num_threads,
)
from primetone.text.token_view import Span, TokenView
from primetone.text.tokenizer_facts import TokenizerFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Ids", "PaddedBatch", "StreamEncoder", "TextToIds", "TokenBatch"]

Ids: TypeAlias = "npt.NDArray[np.uint16] | npt.NDArray[np.uint32]"
_NO_LIMIT = (1 << 64) - 1
Allowed = Collection[str] | Literal["all"]


class TokenBatch(NamedTuple):
    """Ids of several texts: text ``i`` is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: Ids
    offsets: npt.NDArray[np.uint64]


class PaddedBatch(NamedTuple):
    """Ids of B texts in rows of one length L."""

    ids: Ids
    """Shape (B, L)."""
    lengths: npt.NDArray[np.int64]
    """How many ids of each row are of the text, shape (B,)."""
    mask: npt.NDArray[np.bool_]
    """Where they are, shape (B, L); elsewhere the row is padding."""


class StreamEncoder:
    """Ids of one text that comes in pieces: what it gives out, no later text can change.

    Joined, the ids of every `push` and of `finish` are those of the whole text, wherever it was
    cut, also inside a character (of bytes) or a special token. What cannot be certain yet waits:
    usually the last word or two. The split ``none`` keeps everything until the end, and so does a
    pattern that looks around or matches the empty text.

    For one text and one thread at a time; it does not pickle.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _rust_tok.StreamEncoder):
        self._core = core

    def push(self, text: Text) -> Ids:
        """The ids that ``text``, which comes next, makes certain; often none.

        Raises:
            TextError, UnknownTokenError: as `Tokenizer.encode`, with the place in the whole text;
                it is then as if ``text`` had not come. A character that no word of characters may
                have is told about when its word ends: then what waited is forgotten, too.
        """
        return self._core.push(text)

    def finish(self) -> Ids:
        """The ids of what waits, since nothing follows; the next `push` begins another text.

        Raises:
            TextError, UnknownTokenError: as `push`; what waits goes on waiting for another `push`,
                but is forgotten where nothing that follows could mend it.
        """
        return self._core.finish()

    @property
    def num_waiting(self) -> int:
        """How many bytes wait for what follows them."""
        return self._core.num_waiting


class TextToIds(TokenizerFacts):
    """The methods of a tokenizer that take text."""

    __slots__ = ()

    def encode(
        self,
        text: Text,
        *,
        allowed_special: Allowed = (),
        dtype: Dtype = "auto",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> Ids:
        """The ids of one text, a 1-D array of ``dtype``; ``.tolist()`` makes it a list.

        Special tokens in the text are plain text unless ``allowed_special`` names them (or is
        "all"); of several that fit, the longest is taken.

        Args:
            text: ``str``, or ``bytes``: UTF-8, or for byte-level vocabularies any bytes, which come
                back from `decode_bytes` as they are.
            dtype: "auto" is `Tokenizer.dtype`, uint16 where the vocabulary fits 65,536.
            dropout: BPE-dropout (Provilkov et al., 2020): in each step of merging a piece every
                pair that could merge is left out with this probability. 1 gives single bytes.
            seed: 0 to 2^64 - 1; the same seed, document number and place of the piece in its
                document drop the same pairs, on any number of threads.

        Raises:
            UnknownTokenError: a character outside the alphabet, or an unknown special name.
            TextError: half of a surrogate pair (encode it yourself with the errors= you want), or
                bytes that are not UTF-8 for a tokenizer of characters, with the position.
            ConfigError: "uint16" for a larger vocabulary, or an argument outside its range.
        """
        return self._core.encode(
            text,
            allowed_special=allowed(allowed_special),
            dropout=dropout,
            seed=checked_seed(seed),
            dtype=dtype,
        )

    def settled_bytes(self, text: bytes) -> int:
        """How many bytes at the front of ``text`` have ids that nothing that follows can change.

        So a text that comes in pieces can be encoded piece by piece, each up to there. 0 where no
        place to cut was found.
        """
        return self._core.settled_bytes(text)

    def encode_batch(
        self,
        texts: Iterable[Text],
        *,
        threads: int | None = None,
        allowed_special: Allowed = (),
        dtype: Dtype = "auto",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> TokenBatch:
        """The ids of several texts, flat, with offsets; the same on any number of threads.

        Arguments and errors are those of `encode`; for ``dropout`` the document number is the
        place in ``texts``.
        """
        ids, offsets = self._core.encode_batch(
            list(checked(texts)),
            allowed_special=allowed(allowed_special),
            dropout=dropout,
            seed=checked_seed(seed),
            dtype=dtype,
            threads=num_threads(threads),
        )
        return TokenBatch(ids, offsets)

    def encode_padded(
        self,
        texts: Iterable[Text],
        *,
        length: int | None = None,
        pad_id: int | None = None,
        side: Literal["left", "right"] = "right",
        truncate: bool = False,
        threads: int | None = None,
        allowed_special: Allowed = (),
        dtype: Dtype = "auto",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> PaddedBatch:
        """The ids of B texts in rows of one length: (B, L) ids, (B,) lengths, (B, L) mask.

        Args:
            length: L; None for the most that a text has.
            pad_id: what short rows are filled with; None for the tokenizer's own `pad_id`.
            side: where the padding goes.
            truncate: whether texts of more than ``length`` ids lose the last ones; else they are
                an error.

        Raises:
            ConfigError: no ``pad_id``, where the tokenizer has none; or as `encode`.
            TextError: a text that is too long, with its number; or as `encode`.
            UnknownTokenError: a ``pad_id`` outside the vocabulary; or as `encode`.
        """
        pad = self._checked_pad(pad_id)
        if side not in ("left", "right"):
            raise ConfigError(f'side must be "left" or "right"; found {side!r}')
        if length is not None and length < 0:
            raise ConfigError(f"length must be at least 0, or None; found {length}")
        batch = self.encode_batch(
            texts,
            threads=threads,
            allowed_special=allowed_special,
            dtype=dtype,
            dropout=dropout,
            seed=seed,
        )
        import numpy as np

        offsets = batch.offsets.astype(np.int64)
        whole = offsets[1:] - offsets[:-1]
        longest = int(whole.max(initial=0))
        width = longest if length is None else length
        if longest > width and not truncate:
            raise TextError(
                f"text {int(np.argmax(whole > width))} has more than {width} tokens (the longest "
                f"has {longest}): give a larger length=, or truncate=True"
            )
        lengths = np.minimum(whole, width)
        places = np.arange(width)
        if side == "right":
            mask = places < lengths[:, None]
        else:
            mask = places >= width - lengths[:, None]
        ids = np.full((len(whole), width), pad, dtype=batch.ids.dtype)
        if longest > width:
            number = np.arange(len(batch.ids)) - np.repeat(offsets[:-1], whole)
            ids[mask] = batch.ids[number < width]
        else:
            ids[mask] = batch.ids
        return PaddedBatch(ids, lengths, mask)

    def _checked_pad(self, pad_id: int | None) -> int:
        pad = self.pad_id if pad_id is None else pad_id
        if pad is None:
            raise ConfigError(
                "pad_id= is missing: this tokenizer has no special token for padding, such as <pad>"
            )
        if not 0 <= pad < self.vocab_size:
            raise UnknownTokenError(
                f"pad_id {pad} is not in the vocabulary, whose ids run from 0 to "
                f"{self.vocab_size - 1}"
            )
        self._core.token(pad)  # raises for an id in between that no token has
        return pad

    def encode_with_offsets(
        self,
        text: Text,
        *,
        unit: Literal["bytes", "characters"] = "characters",
        allowed_special: Allowed = (),
        dtype: Dtype = "auto",
    ) -> tuple[Ids, npt.NDArray[np.uint64]]:
        """The n ids of one text, and where in it each begins and ends: an array of shape (n, 2).

        In "bytes" of UTF-8 the spans of a byte-level tokenizer tile the text. In "characters" (code
        points, as Python indexes a ``str``) each is the shortest that holds the token: tokens that
        share a character both have it. Words of characters have spans without the white space
        between; that of the mark after a word is empty, at the word's end.

        Raises:
            TextError: characters of bytes that are not UTF-8; or as `encode`.
            UnknownTokenError, ConfigError: as `encode`.
        """
        ids, spans = self._core.encode_with_offsets(
            text,
            allowed_special=allowed(allowed_special),
            unit=unit,
            dtype=dtype,
        )
        return ids, spans.reshape(-1, 2)

    def count(self, text: Text, *, allowed_special: Allowed = ()) -> int:
        """How many ids one text has, without making them; errors are those of `encode`."""
        count = self.count_until(text, _NO_LIMIT, allowed_special=allowed_special)
        assert count is not None  # no text has more
        return count

    def count_batch(
        self,
        texts: Iterable[Text],
        *,
        threads: int | None = None,
        allowed_special: Allowed = (),
    ) -> npt.NDArray[np.uint64]:
        """How many ids each of B texts has, shape (B,); errors are those of `encode`."""
        return self._core.count_batch(
            list(checked(texts)),
            allowed_special=allowed(allowed_special),
            threads=num_threads(threads),
        )

    def count_until(self, text: Text, limit: int, *, allowed_special: Allowed = ()) -> int | None:
        """How many ids one text has if these are at most ``limit``, else None.

        Encoding stops as soon as more are sure. What follows is searched for special tokens, and
        where characters are counted bytes that are no UTF-8 are an error anywhere in the text.
        Errors are those of `encode`, and ConfigError for a ``limit`` under 0.
        """
        if limit < 0:
            raise ConfigError(f"limit must be at least 0; found {limit}")
        return self._core.count_until(
            text, allowed_special=allowed(allowed_special), limit=min(limit, _NO_LIMIT)
        )

    def stream_encoder(
        self,
        *,
        allowed_special: Allowed = (),
        dtype: Dtype = "auto",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> StreamEncoder:
        """An encoder for one text that comes in pieces; arguments and errors are as in `encode`.

        >>> stream = tokenizer.stream_encoder()
        >>> ids = [*stream.push("the ca"), *stream.push("t"), *stream.finish()]
        >>> ids == tokenizer.encode("the cat").tolist()
        True
        """
        return StreamEncoder(
            _rust_tok.StreamEncoder(
                self._core,
                allowed_special=allowed(allowed_special),
                dropout=dropout,
                seed=checked_seed(seed),
                dtype=dtype,
            )
        )

    def show(self, text: Text, *, allowed_special: Allowed = ()) -> TokenView:
        """The tokens of a text to look at: coloured in a notebook, with bars in print, escaped.

        Errors are those of `encode`.
        """
        names = set(self.specials.values())
        return TokenView(
            [
                Span(token_id, self._core.token(token_id), token_id in names)
                for token_id in self.encode(text, allowed_special=allowed_special).tolist()
            ]
        )

    def pieces(self, text: Text) -> list[bytes]:
        """The pieces that merges do not cross; joined, they are the text."""
        return self._core.pieces(text)
