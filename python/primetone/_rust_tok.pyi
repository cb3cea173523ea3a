"""
The compiled core of primetone.
"""

from _typeshed import Incomplete, SupportsGetItem
from os import PathLike
from typing import Any, Final, SupportsIndex, final

__all__ = ["UNICODE_VERSION", "__version__", "Blake3", "Decompressor", "Tokenizer", "blake3_hex"]

UNICODE_VERSION: Final[str]
"""
The Unicode version of the split schemes.
"""

__version__: Final[str]
"""
The version of the core, which is that of the package.
"""

@final
class Blake3:
    """
    A BLAKE3 hash taken piece by piece.
    """
    def __new__(cls, /) -> Blake3: ...
    def hexdigest(self, /) -> str:
        """
        The hash so far, as 64 hexadecimal digits.
        """
    def update(self, /, data: bytes) -> None:
        """
        Hash these bytes next.
        """

@final
class Decompressor:
    """
    A gzip ("gz") or zstd ("zst") file, read as a stream.
    """
    def __new__(cls, /, path: str | PathLike[str], kind: str) -> Decompressor: ...
    def read(self, /, size: SupportsIndex) -> bytes:
        """
        At most `size` bytes; none at the end of the file.
        """

@final
class Tokenizer:
    """
    Text to ids and back. Immutable.
    """
    @staticmethod
    def byte_tokenizer(*, specials: SupportsGetItem[int, str]) -> Tokenizer:
        """
        A byte tokenizer: the specials, then the 256 bytes.
        """
    @staticmethod
    def characters(alphabet: str, *, specials: SupportsGetItem[int, str], unknown: str | None) -> Tokenizer:
        """
        A character tokenizer: the specials, then the characters of `alphabet` in order.
        """
    def decode_bytes(self, /, ids: Incomplete) -> bytes:
        """
        The bytes that ids spell.
        """
    def encode(self, /, text: str | bytes | bytearray, *, allowed_special: str | SupportsGetItem[int, str]) -> Any:
        """
        The ids of one text.
        """
    def encode_batch(self, /, texts: SupportsGetItem[int, str | bytes | bytearray], *, allowed_special: str | SupportsGetItem[int, str], threads: SupportsIndex) -> tuple[Any, Incomplete]:
        """
        The ids of several texts, one after the other, and where each begins.
        """
    def extend_bpe(self, /, texts: Any, *, vocab_size: SupportsIndex, options: Incomplete, threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        This tokenizer with more merges, learnt from an iterable of texts: (tokenizer, report).
        """
    @property
    def fingerprint(self, /) -> str:
        """
        32 hexadecimal digits that name the content.
        """
    @staticmethod
    def from_gpt2(vocab_json: bytes, merges_txt: bytes, *, split: str | None, pattern: str | None, specials: SupportsGetItem[int, tuple[str, SupportsIndex]]) -> Tokenizer:
        """
        Read a `vocab.json` and a `merges.txt`.
        """
    @staticmethod
    def from_tiktoken(data: bytes, *, split: str | None, pattern: str | None, specials: SupportsGetItem[int, tuple[str, SupportsIndex]]) -> Tokenizer:
        """
        Read `.tiktoken` rank lines.
        """
    @staticmethod
    def from_tokenizer_json(data: bytes) -> Tokenizer:
        """
        Read a `tokenizer.json`.
        """
    def id_of(self, /, token: bytes) -> int | None:
        """
        The id of the text token with these bytes.
        """
    @property
    def kind(self, /) -> str:
        """
        "bpe", "byte", "char" or "word".
        """
    @staticmethod
    def learn_bpe(texts: Any, *, vocab_size: SupportsIndex, split: str | None, pattern: str | None, specials: SupportsGetItem[int, str], options: Incomplete, threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        Learn byte-level BPE from an iterable of `str` or `bytes`: (tokenizer, report).
        """
    @staticmethod
    def learn_words(texts: Any, *, vocab_size: SupportsIndex, split: str | None, pattern: str | None, specials: SupportsGetItem[int, str], threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        A word tokenizer of the most frequent pieces of an iterable of texts: (tokenizer, report).
        """
    def merges(self, /) -> list[tuple[int, int, int]]:
        """
        (left, right, id) of every merge, in order.
        """
    @property
    def num_merges(self, /) -> int:
        """
        The number of merges.
        """
    @property
    def pattern(self, /) -> str | None:
        """
        The split pattern, if there is one.
        """
    def pieces(self, /, text: str | bytes | bytearray) -> list[bytes]:
        """
        The pieces of a text.
        """
    @property
    def specials(self, /) -> list[tuple[str, int]]:
        """
        (name, id) of the special tokens, by id.
        """
    @property
    def split(self, /) -> str | None:
        """
        The name of the split scheme, "custom", or None for a character tokenizer.
        """
    def to_gpt2(self, /) -> tuple[bytes, bytes]:
        """
        The `vocab.json` and `merges.txt` of this tokenizer.
        """
    def to_tiktoken(self, /) -> bytes:
        """
        The `.tiktoken` lines of this tokenizer.
        """
    def to_tokenizer_json(self, /) -> bytes:
        """
        The `tokenizer.json` of this tokenizer.
        """
    def token(self, /, id: SupportsIndex) -> bytes:
        """
        The bytes of one token; the name of a special.
        """
    def token_lengths(self, /) -> Incomplete:
        """
        How many bytes of text each id stands for; 0 for specials and holes.
        """
    @property
    def unknown_id(self, /) -> int | None:
        """
        The id of characters outside the alphabet, if there is one.
        """
    @property
    def vocab_size(self, /) -> int:
        """
        One more than the largest id.
        """

def blake3_hex(data: bytes) -> str:
    """
    The BLAKE3 hash of some bytes, as 64 hexadecimal digits.
    """
