"""
The compiled core of primetone.
"""

from _typeshed import Incomplete, SupportsGetItem
from os import PathLike
from typing import Any, Final, SupportsFloat, SupportsIndex, final

__all__ = ["CHARACTER_PATTERN", "UNICODE_VERSION", "WORD_PATTERN", "__version__", "Blake3", "Clusters", "Counts", "Decompressor", "Divider", "Overlap", "SentenceFilter", "SignalBank", "StreamEncoder", "Tokenizer", "Utf8Checker", "blake3_hex", "bleu", "copies", "distinct", "divergence", "measure", "ppm_added_bytes", "read_character_merges", "read_gpt2", "read_merges", "read_tekken", "read_tiktoken", "read_tokenizer_json", "read_word_list", "self_bleu", "share_one_arena", "words", "write_gpt2", "write_merges", "write_tekken", "write_tiktoken", "write_tokenizer_json", "write_word_list"]

CHARACTER_PATTERN: Final[str]
"""
That of characters, each by itself.
"""

UNICODE_VERSION: Final[str]
"""
The Unicode version of the split schemes.
"""

WORD_PATTERN: Final[str]
"""
The rule of words, as a pattern.
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
class Clusters:
    """
    Documents that are kept together when a corpus is divided.
    """
    SHARED_CHARACTERS: Final[int]
    """
    Characters that documents on two sides share only where they are common.
    """
    def __new__(cls, /) -> Clusters: ...
    def divide(self, /, fraction: SupportsFloat | SupportsIndex, *, usual: SupportsIndex, likeness: SupportsFloat | SupportsIndex) -> tuple[list[bool], int, int, int]:
        """
        Whether each document validates; clusters, documents of the largest, common windows.
        """
    def feed(self, /, documents: SupportsGetItem[int, str | bytes | bytearray], *, threads: SupportsIndex) -> None:
        """
        Take the next documents in.
        """

@final
class Counts:
    """
    Word counts, in memory or in files. Immutable.
    """
    @staticmethod
    def count(texts: Any, *, split: str | None, pattern: str | None, threads: SupportsIndex, max_memory: SupportsIndex | None, folder: str | PathLike[str] | None, shard: str | None, total_bytes: SupportsIndex, progress: Any | None) -> tuple[Counts, dict]:
        """
        Count the pieces of an iterable of texts, weighted texts and parts of texts: (counts, report).

        With `max_memory` (bytes) tables that grow beyond it are written into `folder`.
        """
    @staticmethod
    def open(path: str | PathLike[str]) -> Counts:
        """
        The counts of a file.
        """
    @property
    def pattern(self, /) -> str | None:
        """
        The split pattern, if it is a custom one.
        """
    @property
    def split(self, /) -> str:
        """
        The name of the split scheme, or "custom".
        """
    @staticmethod
    def sum(parts: SupportsGetItem[int, tuple[str, Counts]], *, folder: str | PathLike[str] | None) -> Counts:
        """
        The sum of named counts; `folder` is for what has to be merged beforehand.
        """
    def summary(self, /) -> dict:
        """
        Totals, fingerprint and shards; may read everything.
        """
    @property
    def unicode_version(self, /) -> str:
        """
        The Unicode version that the texts were split with.
        """
    def words(self, /) -> dict:
        """
        Every word with its count, in ascending order.
        """
    def write(self, /, path: str | PathLike[str], *, progress: Any | None) -> None:
        """
        Write a counts file over `path`; the caller syncs it.
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
class Divider:
    """
    Divides a text that comes in chunks wherever a separator stands, which may lie across chunks.
    """
    def __new__(cls, /, separator: bytes) -> Divider: ...
    def finish(self, /) -> bytes:
        """
        What stands behind the last separator.
        """
    def push(self, /, chunk: bytes) -> list:
        """
        Take the next chunk; returns the parts that a separator ended, empty ones too.
        """

@final
class Overlap:
    """
    A validation text that training texts are compared with.
    """
    def __new__(cls, /, documents: SupportsGetItem[int, str | bytes | bytearray], *, characters: SupportsGetItem[int, SupportsIndex], words: SupportsGetItem[int, SupportsIndex], usual: SupportsIndex, likeness: SupportsFloat | SupportsIndex) -> Overlap: ...
    def feed(self, /, documents: SupportsGetItem[int, str | bytes | bytearray], *, threads: SupportsIndex) -> None:
        """
        Compare the next documents of the training text.
        """
    def report(self, /, most: SupportsIndex) -> dict:
        """
        All that was found; of stretches the `most` longest of each kind of window.
        """
    def seen_bytes(self, /, size: SupportsIndex) -> Incomplete:
        """
        Of every validation byte 1 where it stands in a seen window of that many characters.
        """

@final
class SentenceFilter:
    """
    Clean sentences from text that comes in pieces.
    """
    def __new__(cls, /, *, min_words: SupportsIndex, max_words: SupportsIndex, min_share: SupportsFloat | SupportsIndex, drops_signs: bool, limit: SupportsIndex | None, vocabulary: Tokenizer | None) -> SentenceFilter:
        """
        Ready to read; `vocabulary` is a list of words.
        """
    @property
    def is_full(self, /) -> bool:
        """
        Whether there are as many sentences as may be.
        """
    def most_unknown(self, /, count: SupportsIndex) -> list[tuple[str, int]]:
        """
        The most frequent words outside the vocabulary, with how often they occur.
        """
    def push(self, /, text: bytes, *, ends: bool) -> bytes:
        """
        The sentences of the lines that end in these bytes; with `ends`, of the last one, too.
        """
    def tally(self, /) -> dict:
        """
        How many lines went where.
        """

@final
class SignalBank:
    """
    Atoms of symbols, and the sums of them that contexts are. Immutable.
    """
    def __new__(cls, /, *, num_symbols: SupportsIndex, num_samples: SupportsIndex, atoms: str, tones: SupportsIndex, sampling: str, frequencies: str, position: str, norm: str, numerics: str, max_window: SupportsIndex, seed: SupportsIndex, times: SupportsGetItem[int, SupportsFloat | SupportsIndex] | None) -> SignalBank: ...
    def atoms(self, /) -> Incomplete:
        """
        The atoms as they stand at place 0, flat.
        """
    @property
    def collisions(self, /) -> list[tuple[int, int, str]]:
        """
        (first symbol, second symbol, "identical", "negated" or "silent") of atoms that collide.
        """
    @property
    def frequencies(self, /) -> list[int]:
        """
        The frequency of every tone; empty where atoms are no tones.
        """
    def gram(self, /, window: SupportsIndex, threads: SupportsIndex) -> Incomplete:
        """
        Inner products of all atoms with all rolled atoms, flat.
        """
    def phasors(self, /, ids: Incomplete, length: SupportsIndex, window: SupportsIndex) -> Incomplete:
        """
        Per context and symbol the sum of exp(-2 pi j f i / period) over its places: real, imaginary.
        """
    def slide(self, /, ids: Incomplete, length: SupportsIndex, window: SupportsIndex, offsets: Incomplete | None, out: Incomplete, format: str, threads: SupportsIndex) -> None:
        """
        The signal at every position of a stream that is cut into documents at `offsets`, or into
        documents of `length` each.
        """
    def windows(self, /, ids: Incomplete, length: SupportsIndex, window: SupportsIndex, out: Incomplete, format: str, threads: SupportsIndex) -> None:
        """
        Signals of isolated contexts of `length` symbols each.
        """

@final
class StreamEncoder:
    """
    Text that comes in pieces to ids that no later text can change.
    """
    def __new__(cls, /, tokenizer: Tokenizer, *, allowed_special: str | SupportsGetItem[int, str], dropout: SupportsFloat | SupportsIndex, seed: SupportsIndex, dtype: str) -> StreamEncoder: ...
    def finish(self, /) -> Any:
        """
        The ids of what waits, since nothing follows it.
        """
    @property
    def num_waiting(self, /) -> int:
        """
        How many bytes wait for what follows them.
        """
    def push(self, /, text: str | bytes | bytearray) -> Any:
        """
        The ids that this text, which comes next, makes certain.
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
    def count_batch(self, /, texts: SupportsGetItem[int, str | bytes | bytearray], *, allowed_special: str | SupportsGetItem[int, str], threads: SupportsIndex) -> Incomplete:
        """
        How many ids each of several texts has.
        """
    def count_until(self, /, text: str | bytes | bytearray, *, allowed_special: str | SupportsGetItem[int, str], limit: SupportsIndex) -> int | None:
        """
        How many ids a text has, or None once that is sure to be more than `limit`.
        """
    def decode_bytes(self, /, ids: Incomplete) -> bytes:
        """
        The bytes that ids spell.
        """
    def encode(self, /, text: str | bytes | bytearray, *, allowed_special: str | SupportsGetItem[int, str], dropout: SupportsFloat | SupportsIndex, seed: SupportsIndex, dtype: str) -> Any:
        """
        The ids of one text.
        """
    def encode_batch(self, /, texts: SupportsGetItem[int, str | bytes | bytearray], *, allowed_special: str | SupportsGetItem[int, str], dropout: SupportsFloat | SupportsIndex, seed: SupportsIndex, dtype: str, threads: SupportsIndex) -> tuple[Any, Incomplete]:
        """
        The ids of several texts, one after the other, and where each begins.
        """
    def encode_with_offsets(self, /, text: str | bytes | bytearray, *, allowed_special: str | SupportsGetItem[int, str], unit: str, dtype: str) -> tuple[Any, Incomplete]:
        """
        The ids of one text, and where each begins and ends, flat; `unit` is "bytes" or "characters".
        """
    @property
    def end_of_word_id(self, /) -> int | None:
        """
        The id of the mark after a word, if there is one.
        """
    def extend_bpe(self, /, counts: Counts, *, vocab_size: SupportsIndex, options: Incomplete, limits: Incomplete, threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        This tokenizer with more merges, learnt from word counts of its split: (tokenizer, report).
        """
    @property
    def fingerprint(self, /) -> str:
        """
        32 hexadecimal digits that name the content.
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
    def learn_bpe(counts: Counts, *, vocab_size: SupportsIndex, specials: SupportsGetItem[int, str], options: Incomplete, limits: Incomplete, threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        Learn byte-level BPE from word counts: (tokenizer, report).
        """
    @staticmethod
    def learn_characters(counts: Counts, *, vocab_size: SupportsIndex, specials: SupportsGetItem[int, str], lowercase: bool, unknown: str | None, options: Incomplete, limits: Incomplete, threads: SupportsIndex, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        Learn words of characters from the counts of pieces: (tokenizer, report).
        """
    @staticmethod
    def learn_words(counts: Counts, *, vocab_size: SupportsIndex, specials: SupportsGetItem[int, str], limits: Incomplete, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        A word tokenizer of the most frequent words: (tokenizer, report).
        """
    @staticmethod
    def list_words(counts: Counts, *, max_words: SupportsIndex, unit: str, order: str, seed: SupportsIndex, limits: Incomplete, progress: Any | None) -> tuple[Tokenizer, dict]:
        """
        A closed list of words or characters from their counts: (tokenizer, report).
        """
    @property
    def lowercase(self, /) -> bool:
        """
        Whether words are lower-cased.
        """
    def merge_counts(self, /) -> Incomplete | None:
        """
        How often the pair of each merge occurred when it was learnt, if that is known.
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
    def prefix(self, /, vocab_size: SupportsIndex) -> Tokenizer:
        """
        The tokenizer of the first `vocab_size` ids.
        """
    def renumbered(self, /) -> tuple[Tokenizer, list[int | None]]:
        """
        The same tokens and merges under new ids, in the order that lists of ranks need, and the new id
        of each old one (None for a hole).
        """
    def settled_bytes(self, /, text: bytes) -> int:
        """
        How many bytes at the beginning of a text have ids that nothing that follows can change.
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
    def token(self, /, id: SupportsIndex) -> bytes:
        """
        The bytes of one token; the name of a special.
        """
    def token_lengths(self, /) -> Incomplete:
        """
        How many bytes of text each id stands for; 0 for specials and holes.
        """
    def tokens(self, /) -> list:
        """
        The bytes of every token in the order of ids; ids without one are left out.
        """
    @property
    def units(self, /) -> str:
        """
        "bytes", "characters" or "words".
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
    def with_merge_counts(self, /, counts: Incomplete) -> Tokenizer:
        """
        The same tokenizer with these counts of its merges.
        """

@final
class Utf8Checker:
    """
    Checks text in UTF-8 chunk by chunk; a chunk may end inside a character.
    """
    def __new__(cls, /) -> Utf8Checker: ...
    @property
    def kept(self, /) -> bytes:
        """
        The bytes of the character that the last chunk ended in; none between characters.
        """
    @property
    def num_lines(self, /) -> int:
        """
        How many line feeds there were.
        """
    def push(self, /, chunk: bytes) -> bool:
        """
        Take the next chunk; False when it does not go on in UTF-8, and then nothing is taken.
        """

def blake3_hex(data: bytes) -> str:
    """
    The BLAKE3 hash of some bytes, as 64 hexadecimal digits.
    """

def bleu(samples: Any, references: Any, n: SupportsIndex) -> list[float]:
    """
    Mean BLEU of orders 1 to n.
    """

def copies(samples: Any, training: Any) -> tuple[float, list[int]]:
    """
    Share of samples that are no sentence of the training text, and each one's longest run that stands there.
    """

def distinct(samples: Any, n: SupportsIndex) -> list[float]:
    """
    Different n-grams over all n-grams, of orders 1 to n.
    """

def divergence(samples: Any, references: Any, n: SupportsIndex) -> list[float]:
    """
    Jensen-Shannon divergences in bits of n-grams of orders 1 to n.
    """

def measure(samples: Any, references: Any, training: Any | None, *, bleu: SupportsIndex, jsd: SupportsIndex, distinct: SupportsIndex) -> dict:
    """
    All measures at once, each text read once; `bleu`, `jsd` and `distinct` are the highest orders.
    """

def ppm_added_bytes(known: str | bytes | bytearray, text: str | bytes | bytearray, *, order: SupportsIndex, memory_bytes: SupportsIndex) -> int:
    """
    The bytes by which `text` makes the compressed form of `known` longer, under PPM.
    """

def read_character_merges(vocab_txt: bytes, merges_txt: bytes, *, lowercase: bool, unknown: str | None) -> Tokenizer:
    """
    Read the two plain lists of a subword learner: words of characters.
    """

def read_gpt2(vocab_json: bytes, merges_txt: bytes, *, split: str | None, pattern: str | None, specials: SupportsGetItem[int, tuple[str, SupportsIndex]]) -> Tokenizer:
    """
    Read a `vocab.json` and a `merges.txt`.
    """

def read_merges(data: bytes) -> tuple[Tokenizer, str | None]:
    """
    Read a merges file: (tokenizer, the Unicode version that it was written with).
    """

def read_tekken(data: bytes) -> Tokenizer:
    """
    Read a `tekken.json`.
    """

def read_tiktoken(data: bytes, *, split: str | None, pattern: str | None, specials: SupportsGetItem[int, tuple[str, SupportsIndex]]) -> Tokenizer:
    """
    Read `.tiktoken` rank lines.
    """

def read_tokenizer_json(data: bytes) -> tuple[Tokenizer, str | None]:
    """
    Read a `tokenizer.json`.
    """

def read_word_list(data: bytes) -> tuple[Tokenizer, list[str]]:
    """
    Read rows of id,word: (tokenizer, the words that no text has as the rule cuts them).
    """

def self_bleu(samples: Any, n: SupportsIndex) -> list[float]:
    """
    Mean BLEU of orders 1 to n, each sample against all others.
    """

def share_one_arena() -> None:
    """
    Have all threads share one arena of the allocator from now on, where address space is dear.
    """

def words(line: str) -> list[str]:
    """
    The words of a line.
    """

def write_gpt2(tokenizer: Tokenizer) -> tuple[bytes, bytes]:
    """
    The `vocab.json` and `merges.txt` of a tokenizer.
    """

def write_merges(tokenizer: Tokenizer) -> bytes:
    """
    The merges file of a tokenizer.
    """

def write_tekken(tokenizer: Tokenizer) -> bytes:
    """
    The `tekken.json` of a tokenizer.
    """

def write_tiktoken(tokenizer: Tokenizer) -> bytes:
    """
    The `.tiktoken` lines of a tokenizer.
    """

def write_tokenizer_json(tokenizer: Tokenizer) -> bytes:
    """
    The `tokenizer.json` of a tokenizer.
    """

def write_word_list(tokenizer: Tokenizer) -> bytes:
    """
    The rows of id,word of a list.
    """
