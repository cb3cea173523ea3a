"""Word counts: how often each distinct piece of texts occurs, counted, added, saved, loaded."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, final

from primetone import _rust_tok
from primetone.errors import ConfigError, FileError
from primetone.files import ScratchFolder, file_error, replacing
from primetone.text.arguments import Text, num_threads
from primetone.text.corpus import Corpus
from primetone.text.memory import memory_limit, peak_memory_bytes

__all__ = ["Countable", "Limits", "Progress", "WordCounts", "learned"]

Countable = (
    Iterable[Text | tuple[Text, int]] | Mapping[Text, int] | Corpus | os.PathLike[str] | Text
)
Progress = Callable[[str, int, int], None]


class Limits(TypedDict, total=False):
    """How learning may go about it; `Tokenizer.learn` says what each means."""

    threads: int | None
    max_memory: int | str | None
    temp_dir: str | os.PathLike[str] | None
    min_word_count: int
    progress: Progress | None


_SCRATCH_NAME = "primetone-counts"


@final
class WordCounts:
    """Distinct pieces ("words") with their counts, from which tokenizers are learned. Immutable.

    Counts add up: however texts are shared out over shards, machines and threads, the sum is the
    same, and so is what is learned from it.

    >>> counts = WordCounts.count(["the cat", ("the hat", 2)])
    >>> counts.as_dict()
    {b' cat': 1, b' hat': 2, b'the': 3}
    """

    __slots__ = ("_core", "_folder", "_report", "_summary")

    def __init__(
        self,
        core: _rust_tok.Counts,
        report: Mapping[str, Any] | None = None,
        folder: ScratchFolder | Sequence[ScratchFolder] | None = None,
    ) -> None:
        """For `count`, `load` and `merge`, which are the ways to make one."""
        self._core = core
        self._report = dict(report or {})
        self._folder = folder  # files in it are read as long as this object lives
        self._summary: dict[str, Any] | None = None

    @classmethod
    def count(
        cls,
        texts: Countable,
        *,
        split: str | None = None,
        pattern: str | None = None,
        threads: int | None = None,
        max_memory: int | str | None = None,
        temp_dir: str | os.PathLike[str] | None = None,
        shard_id: str | None = None,
        progress: Progress | None = None,
    ) -> WordCounts:
        """Count the pieces of texts.

        Args:
            texts: an iterable of str, bytes or (text, weight), where a text counts as often as its
                weight says; a mapping of text to weight; a Corpus; or the path of files. Each text
                is split by itself. Bytes are counted as they are, valid UTF-8 or not.
            split: gpt2, gpt4 (when nothing is given), o200k, llama3, qwen2, tekken or none; or
                give ``pattern``.
            threads: None for all cores. The counts do not depend on it.
            max_memory: bytes, or a text such as "2GiB", for the tables and buffers of counting.
                What does not fit is kept in sorted files in a folder in ``temp_dir``, which is
                removed with this object; the counts are the same. None is no limit, unless the
                system sets one to the address space: see `primetone.text.memory`.
            temp_dir: the system's folder for temporary files when not given.
            shard_id: a name by which a later sum can tell that it has this shard already; the
                fingerprint of the counts when not given.
            progress: called as ``progress(stage, done, total)`` a few times a second; ``total`` is
                0 while it is not known.

        Raises:
            TextError: a source that cannot be read, or is empty.
            ConfigError: a limit that is too small, with one that works.
            FileError: the disk is full; nothing is left there.
            PatternError: unknown split or unusable pattern.
        """
        started = time.monotonic()
        if split is not None and pattern is not None:
            raise ConfigError(
                f"found split {split!r} and a pattern, each of which says what a piece is: leave "
                "one out"
            )
        split = "gpt4" if split is None and pattern is None else split
        items, total_bytes = _items(texts)
        limit = memory_limit(max_memory)
        folder = None if limit is None else ScratchFolder(_temp_dir(temp_dir), _SCRATCH_NAME)
        try:
            with _spilling(folder):
                core, report = _rust_tok.Counts.count(
                    items,
                    split=split,
                    pattern=pattern,
                    threads=num_threads(threads),
                    max_memory=limit,
                    folder=None if folder is None else folder.path,
                    shard=_checked_shard(shard_id),
                    total_bytes=total_bytes,
                    progress=progress,
                )
        except BaseException:
            if folder is not None:
                folder.close()
            raise
        if folder is not None and report["spilled_bytes"] == 0:
            folder.close()
            folder = None
        report["seconds"] = {"count": time.monotonic() - started}
        report["peak_memory_bytes"] = peak_memory_bytes()
        return cls(core, report, folder)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> WordCounts:
        """The counts of a file; its words are read, and checked, when they are used.

        Raises:
            FileError: the file cannot be read.
            FormatError: it is damaged, cut short, or no counts file.
        """
        with _explained_read(path):
            return cls(_rust_tok.Counts.open(path))

    @classmethod
    def merge(
        cls,
        counts: Iterable[WordCounts | str | os.PathLike[str]],
        *,
        temp_dir: str | os.PathLike[str] | None = None,
    ) -> WordCounts:
        """The sum of counts and of counts files, free of their order.

        Files are read when the sum is used, so it takes little memory. Of more than 64 files some
        are added up beforehand, in ``temp_dir`` (the system's folder when not given).

        Raises:
            ConfigError: counts of different splits or Unicode versions, or a shard given twice.
            FormatError, FileError: as for `load`.
        """
        loaded, names = [], []
        for number, given in enumerate(counts, start=1):
            if isinstance(given, WordCounts):
                loaded.append(given)
                names.append(f"the counts at place {number}")
            else:
                loaded.append(cls.load(given))
                names.append(os.fspath(given))
        parts = [(name, one._core) for name, one in zip(names, loaded, strict=True)]
        folder = ScratchFolder(_temp_dir(temp_dir), _SCRATCH_NAME) if len(parts) > 64 else None
        with _spilling(folder):
            core = _rust_tok.Counts.sum(parts, folder=None if folder is None else folder.path)
        folders = [one._folder for one in loaded if isinstance(one._folder, ScratchFolder)]
        return cls(core, None, [*folders, *([folder] if folder else [])])

    def __add__(self, other: WordCounts) -> WordCounts:
        return WordCounts.merge([self, other]) if isinstance(other, WordCounts) else NotImplemented

    def save(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Write a counts file; an older one is replaced whole or not at all.

        Equal counts of equal shards are equal bytes, on any number of threads and in any order.

        Raises:
            FileError: the file cannot be written; an old one is untouched.
        """
        with replacing(path) as temporary:
            self._core.write(temporary, progress=progress)

    # ---- what it is ----

    @property
    def core(self) -> _rust_tok.Counts:
        """The counts as the compiled core holds them, for learning."""
        return self._core

    def _get(self, name: str) -> Any:
        if self._summary is None:
            self._summary = self._core.summary()
        return self._summary[name]

    def __len__(self) -> int:
        """How many distinct words there are."""
        return int(self._get("num_words"))

    @property
    def num_pieces(self) -> int:
        """How many pieces were counted, repeats included."""
        return int(self._get("num_pieces"))

    @property
    def num_bytes(self) -> int:
        """How many bytes those pieces hold."""
        return int(self._get("num_bytes"))

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over words, counts, split and Unicode version; not the shards."""
        return str(self._get("fingerprint"))

    @property
    def shards(self) -> tuple[str, ...]:
        """The ids of the shards that were added up, sorted."""
        return tuple(self._get("shards"))

    @property
    def split(self) -> str:
        """The name of the split scheme, or "custom"."""
        return self._core.split

    @property
    def pattern(self) -> str | None:
        """The split pattern, if it is a custom one."""
        return self._core.pattern

    @property
    def unicode_version(self) -> str:
        """The version of the Unicode tables that the texts were split with."""
        return self._core.unicode_version

    @property
    def report(self) -> dict[str, Any]:
        """What counting did: documents, bytes spilled, seconds, peak memory; empty if loaded."""
        return dict(self._report)

    def as_dict(self) -> dict[bytes, int]:
        """Every word with its count, in ascending order of bytes; all of it in memory."""
        return self._core.words()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordCounts) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"WordCounts({len(self):,} words of split {self.split}, {self.num_pieces:,} pieces)"


def learned(
    learn: Callable[..., tuple[_rust_tok.Tokenizer, dict[str, Any]]],
    texts: Countable | WordCounts,
    split: str | None,
    pattern: str | None,
    *,
    threads: int | None = None,
    max_memory: int | str | None = None,
    temp_dir: str | os.PathLike[str] | None = None,
    min_word_count: int = 1,
    progress: Progress | None = None,
) -> tuple[_rust_tok.Tokenizer, dict[str, Any]]:
    """Count texts, unless they are counts, and ``learn`` from them: (tokenizer, report)."""
    if not 0 <= min_word_count < 1 << 64:
        raise ConfigError(f"min_word_count must be between 0 and 2^64 - 1; found {min_word_count}")
    limits = {"memory": memory_limit(max_memory), "min_word_count": min_word_count}
    if isinstance(texts, WordCounts):
        counts = texts
        if (split is not None and split != texts.split) or (
            pattern is not None and pattern != texts.pattern
        ):
            raise ConfigError(
                f"the counts are of split {texts.split}, not {pattern or split}: leave split and "
                "pattern out, or count the texts again"
            )
    else:
        counts = WordCounts.count(
            texts,
            split=split,
            pattern=pattern,
            threads=threads,
            max_memory=max_memory,
            temp_dir=temp_dir,
            progress=progress,
        )
    started = time.monotonic()
    tokenizer, report = learn(counts.core, limits=limits, progress=progress)
    counting = counts.report
    stages = {**counting.pop("seconds", {}), "merge": time.monotonic() - started}
    report = {**counting, **report, "seconds": stages, "peak_memory_bytes": peak_memory_bytes()}
    return tokenizer, report


def _items(texts: Countable) -> tuple[Iterable[Any], int]:
    """What the core counts, and about how many bytes it is (0 when not known)."""
    if isinstance(texts, str | bytes):
        raise ConfigError(
            f"expected an iterable of texts, found one {type(texts).__name__}; put it in a list "
            "(or, if it is the name of a file, into pathlib.Path)"
        )
    if isinstance(texts, os.PathLike):
        texts = Corpus.read(texts, once=True)
    if isinstance(texts, Corpus):
        return texts.parts(), texts.bytes_hint
    if not isinstance(texts, Iterable):
        raise ConfigError(f"expected an iterable of texts, found {type(texts).__name__}")
    return (texts.items() if isinstance(texts, Mapping) else texts), 0


def _temp_dir(given: str | os.PathLike[str] | None) -> str:
    return tempfile.gettempdir() if given is None else os.fspath(given)


def _checked_shard(shard_id: str | None) -> str | None:
    if shard_id is not None and (not shard_id or not shard_id.isprintable()):
        raise ConfigError(f"shard_id: expected a name of printable characters, found {shard_id!r}")
    return shard_id


@contextlib.contextmanager
def _spilling(folder: ScratchFolder | None) -> Iterator[None]:
    """Tell what a full disk means here."""
    try:
        yield
    except FileError as error:
        name = error.filename or ""
        if folder is None or error.errno is None or not name.startswith(str(folder.path)):
            raise
        parent = folder.path.parent
        told = file_error(
            OSError(error.errno, os.strerror(error.errno)), folder.path, "spill word counts to"
        )
        raise FileError(
            f"{told}. The temporary files in {parent} are removed; --temp-dir (temp_dir=) takes "
            "another folder, and a higher memory limit needs less of it",
            errno=error.errno,
            filename=str(parent),
        ) from error


@contextlib.contextmanager
def _explained_read(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except FileError as error:
        if error.errno is None:
            raise
        raise file_error(OSError(error.errno, os.strerror(error.errno)), path, "read") from error
