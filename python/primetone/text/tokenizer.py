"""The tokenizer: one immutable class for BPE, byte, character and word vocabularies."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, Unpack, final

from primetone import _rust_tok
from primetone.text.arguments import Text, allowed, checked, checked_size, id_array, num_threads
from primetone.text.counts import Countable, Limits, Progress, WordCounts, learned
from primetone.text.learn_options import Duplicates, MaxTokenRule, Tie, learn_options
from primetone.text.special_names import (
    BOS_NAMES,
    CHARACTER_SPECIALS,
    END_OF_TEXT,
    EOS_NAMES,
    PAD_NAMES,
    first_id,
)
from primetone.text.stream_decoder import StreamDecoder
from primetone.text.tokenizer_files import Said, TokenizerFormat, read_core, write_core

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["END_OF_TEXT", "StreamDecoder", "TokenBatch", "Tokenizer"]

# inside the class, `bytes` is a method
_Bytes = bytes
Ids: TypeAlias = "npt.NDArray[np.uint16] | npt.NDArray[np.uint32]"


class TokenBatch(NamedTuple):
    """Ids of several texts: text ``i`` is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: Ids
    offsets: npt.NDArray[np.uint64]


@final
class Tokenizer:
    """Text to ids and back; equal by content, immutable, safe to share and to pickle.

    >>> tokenizer = Tokenizer.learn(["the cat", "the hat"], vocab_size=260)
    >>> tokenizer.decode(tokenizer.encode("the cat"))
    'the cat'

    Byte-level vocabularies take any ``str`` or ``bytes`` and lose nothing. Special tokens are never
    recognised in text unless a call allows them.
    """

    __slots__ = ("_core", "_learn_report")

    def __init__(self, core: _rust_tok.Tokenizer, learn_report: Mapping[str, Any] | None = None):
        self._core = core
        self._learn_report = None if learn_report is None else dict(learn_report)

    # ---- making one ----

    @classmethod
    def learn(
        cls,
        texts: Countable | WordCounts,
        *,
        vocab_size: int,
        split: str | None = None,
        pattern: str | None = None,
        specials: Sequence[str] = (END_OF_TEXT,),
        tie: Tie = "hf",
        min_count: int = 1,
        max_token_bytes: int | None = None,
        max_token_rule: MaxTokenRule = "exact",
        duplicates: Duplicates = "skip",
        threads: int | None = None,
        max_memory: int | str | None = None,
        temp_dir: str | os.PathLike[str] | None = None,
        min_word_count: int = 1,
        progress: Progress | None = None,
    ) -> Tokenizer:
        """Learn byte-level BPE: of the most frequent pairs, the one with the smallest ids first.

        Ids are the specials, then the 256 bytes, then the merges in order, as Hugging Face numbers
        them. The result does not depend on ``threads`` or ``max_memory`` or, but for the tie rule
        ``first_occurrence``, on the order of ``texts``. Where the text runs out of pairs the
        vocabulary stays smaller; ``learn_report["stop"]`` says so. `prefix` gives smaller
        vocabularies without learning again.

        Args:
            texts: what `WordCounts.count` takes, or WordCounts.
            vocab_size: at least 256 and the specials.
            split: gpt2, gpt4 (the default), o200k, llama3, qwen2, tekken or none; or give
                ``pattern``, a regular expression without look-around. WordCounts know theirs.
            tie: which of equally frequent pairs comes first; docs/bpe.md says whose rule each is.
                Under ``raw`` the bytes are numbered by their values.
            min_count: a pair that occurs less often is not merged.
            max_token_bytes: the longest token to learn; with ``max_token_rule`` ``hf_compat`` it
                is Hugging Face's ``max_token_length``: shorter than that, or two bytes.
            duplicates: what to do about a pair that spells a special token: never merge it (skip),
                merge it into that token as Hugging Face does (reuse; then text can spell it),
                into a new one (mint), or raise.
            threads: None for all cores.
            max_memory: bytes, or a text such as "2GiB", for counting and learning, which come one
                after the other. Counts beyond it go to files in ``temp_dir``. Learning itself holds
                every distinct word: where they do not fit, an error says how much is needed.
            min_word_count: words that occur less often are left out before learning, which takes
                less memory and may change the merges; the report says how many. 1 leaves out none.
            progress: called as ``progress(stage, done, total)`` a few times a second; ``total`` is
                0 while it is not known.

        Raises:
            TextError: there is no text.
            ConfigError: an argument outside its range, or a limit that is too small.
            PatternError: unknown split or unusable pattern.
        """
        learn = partial(
            _rust_tok.Tokenizer.learn_bpe,
            vocab_size=checked_size(vocab_size),
            specials=list(specials),
            options=learn_options(tie, min_count, max_token_bytes, max_token_rule, duplicates),
            threads=num_threads(threads),
        )
        core, report = learned(
            learn, texts, split, pattern, threads=threads, max_memory=max_memory,
            temp_dir=temp_dir, min_word_count=min_word_count, progress=progress,
        )  # fmt: skip
        return cls(core, report)

    def extend(
        self,
        texts: Countable | WordCounts,
        *,
        vocab_size: int,
        tie: Tie = "hf",
        min_count: int = 1,
        max_token_bytes: int | None = None,
        max_token_rule: MaxTokenRule = "exact",
        duplicates: Duplicates = "skip",
        **limits: Unpack[Limits],
    ) -> Tokenizer:
        """This tokenizer with more merges: its own are applied to all words first, in order.

        With the texts and options it was learnt from, this equals learning ``vocab_size`` at once.
        Arguments and errors are those of `learn`; ConfigError also where this is not a bpe or byte
        tokenizer, or is larger than ``vocab_size``, or the counts are of another split.
        """
        learn = partial(
            self._core.extend_bpe,
            vocab_size=checked_size(vocab_size),
            options=learn_options(tie, min_count, max_token_bytes, max_token_rule, duplicates),
            threads=num_threads(limits.get("threads")),
        )
        pattern = self.pattern if self.split == "custom" else None
        core, report = learned(
            learn, texts, None if pattern else self.split or "none", pattern, **limits
        )
        return Tokenizer(core, report)

    @classmethod
    def learn_characters(
        cls,
        texts: Countable | WordCounts,
        *,
        vocab_size: int,
        lowercase: bool = False,
        unknown: str = "error",
        specials: Sequence[str] = CHARACTER_SPECIALS,
        tie: Tie = "hf",
        min_count: int = 1,
        **limits: Unpack[Limits],
    ) -> Tokenizer:
        """Learn words of characters: BPE from characters, with a mark after every word.

        Words are what stands between white space, of which decoding puts back one space. Ids are
        the specials, the mark, the characters by code point, the merges; the mark never merges.
        ``unknown`` is as in `characters`, the rest as in `learn`; WordCounts those of ``\\S+``.
        """
        learn = partial(
            _rust_tok.Tokenizer.learn_characters,
            vocab_size=checked_size(vocab_size),
            specials=list(specials),
            lowercase=lowercase,
            unknown=None if unknown == "error" else unknown,
            options=learn_options(tie, min_count, None, "exact", "skip"),
            threads=num_threads(limits.get("threads")),
        )
        return cls(*learned(learn, texts, None, r"\S+", **limits))

    @classmethod
    def words(
        cls,
        texts: Countable | WordCounts,
        *,
        vocab_size: int,
        split: str | None = None,
        pattern: str | None = None,
        specials: Sequence[str] = (END_OF_TEXT,),
        **limits: Unpack[Limits],
    ) -> Tokenizer:
        """A word tokenizer: the most frequent pieces; any other piece is spelled in single bytes.

        Arguments and errors are those of `learn`, with the same names.
        """
        learn = partial(
            _rust_tok.Tokenizer.learn_words,
            vocab_size=checked_size(vocab_size),
            specials=list(specials),
        )
        return cls(*learned(learn, texts, split, pattern, **limits))

    def prefix(self, vocab_size: int) -> Tokenizer:
        """The tokenizer of the ids under ``vocab_size``, equal to having learned just that many.

        ConfigError for a size that leaves out a byte or a special token.
        """
        return Tokenizer(self._core.prefix(checked_size(vocab_size)), self._learn_report)

    @classmethod
    def bytes(cls, *, specials: Sequence[str] = (END_OF_TEXT,)) -> Tokenizer:
        """A byte tokenizer: the specials, then the 256 bytes."""
        return cls(_rust_tok.Tokenizer.byte_tokenizer(specials=list(specials)))

    @classmethod
    def characters(
        cls,
        texts: Iterable[Text],
        *,
        specials: Sequence[str] = CHARACTER_SPECIALS,
        unknown: str = "error",
    ) -> Tokenizer:
        """A character tokenizer of every character in ``texts``, sorted by code point.

        Args:
            unknown: "error" to refuse characters outside the alphabet, or the name of the special
                token that stands for them, such as "<unk>".

        Raises:
            UnicodeDecodeError, VocabularyError: bytes not UTF-8; ``unknown`` is no special token.
        """
        alphabet: set[str] = set()
        for text in checked(texts):
            alphabet.update(text if isinstance(text, str) else text.decode())
        core = _rust_tok.Tokenizer.characters(
            "".join(sorted(alphabet)),
            specials=list(specials),
            unknown=None if unknown == "error" else unknown,
        )
        return cls(core)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        format: TokenizerFormat | None = None,
        **said: Unpack[Said],
    ) -> Tokenizer:
        """Load a tokenizer file, or the ``tokenizer.json`` in a folder.

        ``*.json`` is Hugging Face's format, ``*tekken*.json`` Mistral's, ``*.tiktoken`` OpenAI's,
        ``merges.txt`` goes with the ``vocab.json`` beside it (bytes, as GPT-2) or the ``vocab.txt``
        (words of characters), ``*.merges`` is primetone's own.

        Args:
            format: "json", "tiktoken", "gpt2", "tekken" or "merges"; None to go by the name.
            split, pattern, specials: for the files that do not say them: a ``.tiktoken`` file, and
                ``merges.txt`` with ``vocab.json`` (whose split is gpt2 unless told). A file saved
                by `save` has a ``.meta.json`` beside it that does.
            lowercase, unknown: for ``merges.txt`` with ``vocab.txt``: whether words are
                lower-cased, and the entry for characters outside the alphabet (None: errors).

        Raises FileError, FormatError for a file that is damaged or asks for something that is not
        supported, ConfigError for what the file does not say and nobody said, or both did.
        """
        return cls(read_core(Path(path), format, **said))

    def save(self, path: str | os.PathLike[str], *, format: TokenizerFormat | None = None) -> None:
        """Save in a format, by default the one that the name means, as in `load`.

        A file is replaced whole or not at all. Formats that cannot hold the split and the specials
        get a ``.meta.json`` beside them. Loading gives a tokenizer of the same fingerprint.

        VocabularyError names the token that a format cannot hold; an old file is then untouched.
        """
        write_core(self._core, Path(path), format)

    def renumbered(self) -> tuple[Tokenizer, list[int | None]]:
        """The same tokens under the ids that lists of ranks need, and the new id of each old one.

        First the specials, then the 256 bytes in order, then the tokens in merge order; None stands
        for an id without a token. VocabularyError for a tokenizer of characters.
        """
        core, new_ids = self._core.renumbered()
        return Tokenizer(core, self._learn_report), new_ids

    # ---- what it is ----

    @property
    def kind(self) -> Literal["bpe", "byte", "char", "word"]:
        """What ids stand for."""
        return self._core.kind  # type: ignore[return-value]  # the core has no fifth kind

    @property
    def units(self) -> str:
        """What tokens are made of: "bytes" or "characters"."""
        return self._core.units

    @property
    def lowercase(self) -> bool:
        """Whether text is lower-cased; only words of characters can be."""
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
        """The special token that ends a document: <|endoftext|>, <eos> or </s>."""
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
        """The special token for characters outside the alphabet, if there is one."""
        return self._core.unknown_id

    @property
    def learn_report(self) -> dict[str, Any] | None:
        """What learning did: bytes, pieces, words, merges, why it stopped; None if loaded."""
        return None if self._learn_report is None else dict(self._learn_report)

    def __getitem__(self, token_id: int) -> _Bytes:
        """The bytes of a token; for a special, its name as bytes."""
        return self._core.token(token_id)

    def __iter__(self) -> Iterator[_Bytes]:
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
        return isinstance(other, Tokenizer) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        split = "" if self.split is None else f", split={self.split!r}"
        return (
            f"Tokenizer({self.kind}, {self.vocab_size} tokens{split}, "
            f"fingerprint {self.fingerprint[:8]})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        data = _rust_tok.write_tokenizer_json(self._core)
        return _restore, (data, self._learn_report, self.merge_counts)

    # ---- text to ids ----

    def encode(self, text: Text, *, allowed_special: Collection[str] | Literal["all"] = ()) -> Ids:
        """The ids of one text, a 1-D array of `dtype`.

        Special tokens in the text are plain text unless ``allowed_special`` names them (or is
        "all"); of several that fit, the longest is taken.

        Raises:
            UnknownTokenError: a character outside the alphabet, or an unknown special name.
            UnicodeEncodeError: a lone surrogate; encode it yourself with the errors= you want.
        """
        return self._core.encode(text, allowed_special=allowed(allowed_special))

    def encode_batch(
        self,
        texts: Iterable[Text],
        *,
        threads: int | None = None,
        allowed_special: Collection[str] | Literal["all"] = (),
    ) -> TokenBatch:
        """The ids of several texts, flat, with offsets; the same on any number of threads.

        Errors are those of `encode`.
        """
        ids, offsets = self._core.encode_batch(
            list(checked(texts)),
            allowed_special=allowed(allowed_special),
            threads=num_threads(threads),
        )
        return TokenBatch(ids, offsets)

    def pieces(self, text: Text) -> list[_Bytes]:
        """The pieces that merges do not cross; joined, they are the text."""
        return self._core.pieces(text)

    # ---- ids to text ----

    def decode_bytes(self, ids: npt.ArrayLike, *, skip_specials: bool = False) -> _Bytes:
        """The bytes that ids spell, exactly; a special spells its name unless skipped.

        Raises:
            UnknownTokenError: an id that the vocabulary does not hold, with its position.
        """
        skipped = self.specials.values() if skip_specials else ()
        return self._core.decode_bytes(id_array(ids, skipped))

    def decode(
        self, ids: npt.ArrayLike, *, errors: str = "replace", skip_specials: bool = False
    ) -> str:
        """The text that ids spell; ``errors`` is for ids that end inside a character.

        Words of characters come back with one space between them.
        """
        return self.decode_bytes(ids, skip_specials=skip_specials).decode("utf-8", errors)

    def stream_decoder(self, *, skip_specials: bool = True) -> StreamDecoder:
        """A decoder for ids that come one by one; it gives out whole characters only."""
        return StreamDecoder(self, skip_specials=skip_specials)


def _restore(
    data: bytes,
    learn_report: Mapping[str, Any] | None,
    merge_counts: npt.NDArray[np.uint64] | None,
) -> Tokenizer:
    core, _ = _rust_tok.read_tokenizer_json(data)
    if merge_counts is not None:
        core = core.with_merge_counts(merge_counts)
    return Tokenizer(core, learn_report)
