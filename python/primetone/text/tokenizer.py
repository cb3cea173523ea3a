"""The tokenizer: one immutable class for BPE, byte, character and word vocabularies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, final, get_args

from primetone import _rust_tok
from primetone.text.arguments import (
    Text,
    checked,
    checked_seed,
    checked_size,
    checked_specials,
    id_array,
    num_threads,
    one_of,
)
from primetone.text.counts import Countable, Limits, Progress, WordCounts, learned
from primetone.text.learn_options import Duplicates, MaxTokenRule, Tie, learn_options
from primetone.text.special_names import CHARACTER_SPECIALS, END_OF_TEXT
from primetone.text.stream_decoder import StreamDecoder
from primetone.text.text_to_ids import PaddedBatch, StreamEncoder, TextToIds, TokenBatch
from primetone.text.tokenizer_files import Said, TokenizerFormat, read_core, write_core

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "END_OF_TEXT",
    "ListOrder",
    "PaddedBatch",
    "StreamDecoder",
    "StreamEncoder",
    "TokenBatch",
    "Tokenizer",
]

# inside the class, `bytes` is a method
_Bytes = bytes
ListOrder: TypeAlias = Literal["frequency", "first-seen", "shuffled"]


@final
class Tokenizer(TextToIds):
    """Text to ids and back; equal by content, immutable, safe to share and to pickle.

    >>> tokenizer = Tokenizer.learn(["the cat", "the hat"], vocab_size=260)
    >>> tokenizer.decode(tokenizer.encode("the cat"))
    'the cat'

    Byte-level vocabularies take any ``str`` or ``bytes`` and lose nothing. Special tokens are never
    recognised in text unless a call allows them.
    """

    __slots__ = ()

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
            specials=checked_specials(specials),
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
            specials=checked_specials(specials),
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
            specials=checked_specials(specials),
        )
        return cls(*learned(learn, texts, split, pattern, **limits))

    @classmethod
    def word_list(
        cls,
        texts: Countable | WordCounts,
        *,
        max_words: int = 5000,
        order: ListOrder = "frequency",
        seed: int = 0,
        unit: Literal["word", "char"] = "word",
        **limits: Unpack[Limits],
    ) -> Tokenizer:
        """A closed list of words in lower case, or of characters; others are <UNKNOWN>.

        docs/words.md says what a word is. White space is not kept; decoding puts one space between
        words. Ids are <START>, <PAD>, <END>, <UNKNOWN>, then the words. ``learn_report`` counts
        the text's words (``num_words``, ``num_distinct``) and what of it the list has
        (``num_known``, ``num_listed``). Save it as ``*.csv`` for rows of ``id,word``.

        Args:
            max_words: how many at most, without the four.
            order: "frequency": the most frequent ones first, equally frequent ones by code point;
                "first-seen": those that come first, as they come; "shuffled": the most frequent
                ones, in an order that ``seed`` (0 to 2^64 - 1) decides.
            unit: "char" for characters, which keep their case.

        The rest, and the errors, are those of `learn`; WordCounts have to be of the same pattern.
        """
        list_words = partial(
            _rust_tok.Tokenizer.list_words,
            max_words=checked_size(max_words, "max_words", least=1),
            unit=one_of("unit", unit, ("word", "char")),
            order=one_of("order", order, get_args(ListOrder)),
            seed=checked_seed(seed),
        )
        chars = unit == "char"
        pattern = _rust_tok.CHARACTER_PATTERN if chars else _rust_tok.WORD_PATTERN
        return cls(*learned(list_words, texts, None, pattern, **limits))

    def prefix(self, vocab_size: int) -> Tokenizer:
        """The tokenizer of the ids under ``vocab_size``, equal to having learned just that many.

        ConfigError for a size that leaves out a byte or a special token.
        """
        return Tokenizer(self._core.prefix(checked_size(vocab_size)), self._learn_report)

    @classmethod
    def bytes(cls, *, specials: Sequence[str] = (END_OF_TEXT,)) -> Tokenizer:
        """A byte tokenizer: the specials, then the 256 bytes."""
        return cls(_rust_tok.Tokenizer.byte_tokenizer(specials=checked_specials(specials)))

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
            specials=checked_specials(specials),
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
        (words of characters), ``*.merges`` is primetone's own, ``*.csv`` a list as rows of id,word.

        Args:
            format: "json", "tiktoken", "gpt2", "tekken", "merges" or "csv"; None to go by the name.
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

    def __reduce__(self) -> tuple[Any, ...]:
        data = _rust_tok.write_tokenizer_json(self._core)
        return _restore, (data, self._learn_report, self.merge_counts)

    # ---- ids to text ----

    def decode_bytes(self, ids: npt.ArrayLike, *, skip_specials: bool = False) -> _Bytes:
        """The bytes that ids spell, exactly; a special spells its name unless skipped.

        Raises:
            UnknownTokenError: an id that the vocabulary does not hold, with its position.
        """
        array = id_array(ids)
        if skip_specials and self.specials:
            import numpy as np

            array = array[~np.isin(array, list(self.specials.values()))]
        return self._core.decode_bytes(array)

    def decode(
        self, ids: npt.ArrayLike, *, errors: str = "replace", skip_specials: bool = False
    ) -> str:
        """The text that ids spell; ``errors`` is for ids that end inside a character.

        Words of characters come back with one space between them.
        """
        return self.decode_bytes(ids, skip_specials=skip_specials).decode("utf-8", errors)

    def decode_batch(
        self, batch: TokenBatch, *, errors: str = "replace", skip_specials: bool = False
    ) -> list[str]:
        """The texts of flat ids with offsets, as `encode_batch` gives them.

        Arguments and errors are those of `decode`, with the place among the ids of the text.
        """
        return [
            self.decode(batch.ids[start:end], errors=errors, skip_specials=skip_specials)
            for start, end in pairwise(batch.offsets.tolist())
        ]

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
