"""`primetone learn`: text or word counts -> tokenizer.json."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from primetone.cli.console import (
    Progress,
    ShowProgress,
    Texts,
    UsageError,
    count_words,
    duration_words,
    make_folder,
    make_place,
    print_json,
    print_note,
    require_texts,
    size_words,
)
from primetone.cli.count import note_broken
from primetone.text.learn_options import Duplicates, MaxTokenRule, Tie

if TYPE_CHECKING:
    from primetone.text.corpus import Corpus
    from primetone.text.tokenizer import Tokenizer

DEFAULT_SIZE = 4096
DEFAULT_SPLIT = "gpt4"


def learn(
    *texts: Texts,
    vocab_size: str | None = None,
    kind: Literal["bpe", "char", "word", "byte"] = "bpe",
    units: Literal["bytes", "characters"] = "bytes",
    lowercase: bool = False,
    split: str | None = None,
    pattern: str | None = None,
    special: Annotated[list[str] | None, Parameter(name="--special")] = None,
    unknown: Literal["error", "<unk>"] = "error",
    out: Path = Path("tokenizer.json"),
    from_counts: Path | None = None,
    extend: Path | None = None,
    tie: Tie = "hf",
    min_count: int = 1,
    max_token_bytes: int | None = None,
    max_token_rule: MaxTokenRule = "exact",
    duplicates: Duplicates = "skip",
    encoding: str = "utf-8",
    field: str = "text",
    per: Literal["file", "line", "paragraph"] = "file",
    separator: str = "",
    skip_broken: bool = False,
    max_memory: str | None = None,
    temp_dir: Path | None = None,
    min_word_count: int = 1,
    threads: int | None = None,
    progress: ShowProgress = None,
    json: bool = False,
) -> None:
    """Learn a vocabulary from text and write it as tokenizer.json.

    For example:

        primetone learn book.txt notes/ --vocab-size 4096 --split gpt4 --out tokenizer.json
        primetone learn corpus/ --vocab-size 8000,16000,32000 --max-memory 2GiB --out tokenizers/
        primetone learn corpus/ --extend tokenizer.json --vocab-size 48000 --out larger.json

    Parameters
    ----------
    texts
        Files, folders or globs (.txt, .jsonl, each also .gz or .zst; .parquet), or - for standard
        input.
    vocab_size
        Entries of the vocabulary, for bpe and word (4096 when not given). Several sizes, with
        commas, are prefixes of one run: tokenizer-SIZE.json in the folder --out.
    kind
        bpe learns merges of bytes; char, word and byte are the plain kinds.
    units
        characters learns merges of the characters of words (bpe), with a mark after every word;
        white space is not kept.
    lowercase
        Lower-case the characters of words.
    split
        How text is cut into pieces: gpt2, gpt4 (the usual one), o200k, llama3, qwen2, tekken or
        none.
    pattern
        A regular expression of your own that matches the pieces, in place of a named split.
    special
        A special token; repeat for several. Each kind has its usual ones when none is given.
    unknown
        What a character outside the alphabet becomes (char, characters): an error, or <unk>.
    out
        The file to write; an older one is replaced in one step.
    from_counts
        A file made by count or merge-counts, in place of texts.
    extend
        A tokenizer to go on from; with the same text this equals a larger vocabulary at once.
    tie
        Which of equally frequent pairs comes first.
    min_count
        Pairs that occur less often are not merged.
    max_token_bytes
        No longer token is learned.
    max_token_rule
        exact, or hf_compat: as max_token_length of Hugging Face.
    duplicates
        What to do where a merge would spell a special token: skip, reuse, mint or error.
    encoding
        The encoding of the texts; bytes takes them as they are.
    field
        The field of .jsonl records, and the column of .parquet files, that holds the text.
    per
        What one document is in plain text: each is split by itself.
    separator
        What divides documents in plain text, such as <|endoftext|>; in place of --per.
    skip_broken
        Leave out files that cannot be read, whole, and say which; everything is read twice.
    max_memory
        Memory for counting and for learning, such as 2GiB; counts that do not fit go through
        temporary files. Learning holds every distinct word; an error says how much that needs.
    temp_dir
        Where those go; beside the output when not given.
    min_word_count
        Leave out words that occur less often: less memory, but the merges may change.
    threads
        Threads to use; all cores when not given. The result does not depend on it.
    progress
        Show progress; on a terminal when not given.
    json
        Print the result as JSON.
    """
    from primetone.text.corpus import Corpus
    from primetone.text.counts import WordCounts
    from primetone.text.tokenizer import Tokenizer

    sizes = _sizes(vocab_size)
    of_characters = units == "characters" and kind == "bpe"
    if units == "characters":
        made_of_bytes = {
            "--kind": None if kind == "bpe" else kind,
            "--split": split,
            "--pattern": pattern,
            "--extend": extend,
            "--max-token-bytes": max_token_bytes,
            "--duplicates": None if duplicates == "skip" else duplicates,
            "--vocab-size with several sizes": vocab_size if len(sizes) > 1 else None,
        }
        for option, value in made_of_bytes.items():
            if value is not None:
                raise UsageError(f"{option} is not for --units characters")
    elif lowercase:
        raise UsageError("--lowercase is for --units characters; bytes keep their case")
    _refuse_contradictions(
        kind,
        {
            "--vocab-size": vocab_size,
            "--pattern": pattern,
            "--from-counts": from_counts,
            "--extend": extend,
            "--max-memory": max_memory,
            "--unknown": None if unknown == "error" or of_characters else unknown,
            "--split": split,
            "--tie": None if tie == "hf" else tie,
            "--min-count": None if min_count == 1 else min_count,
            "--max-token-bytes": max_token_bytes,
            "--duplicates": None if duplicates == "skip" else duplicates,
        },
    )
    if max_token_rule != "exact" and max_token_bytes is None:
        raise UsageError("--max-token-rule says how --max-token-bytes counts: give that, too")
    if extend is not None and (special or pattern or split):
        raise UsageError("--extend keeps the split and the special tokens of its tokenizer")
    _require_writable(out, sizes, tie if kind == "bpe" and extend is None else None)
    started = time.monotonic()
    corpus: Corpus | None = None
    source: Corpus | WordCounts
    if from_counts is None:
        source = corpus = Corpus.read(
            require_texts(texts),
            encoding=encoding,
            field=field,
            per=per,
            separator=separator,
            once=True,
            skip_broken=skip_broken,
        )
    elif texts:
        raise UsageError("give texts or --from-counts, not both")
    elif skip_broken or (encoding, field, per, separator) != ("utf-8", "text", "file", ""):
        raise UsageError(
            "--encoding, --field, --per, --separator and --skip-broken say how texts are read; "
            "counts were read already: leave them out"
        )
    else:
        source = WordCounts.load(from_counts)
    options: dict[str, Any] = {} if special is None else {"specials": tuple(special)}
    temp_dir = (out if len(sizes) > 1 else out.parent) if temp_dir is None else temp_dir
    if len(sizes) > 1:
        make_folder(out)
    with Progress(wanted=progress) as shown:
        shown.show("reading")
        if kind == "char":
            assert corpus is not None
            tokenizer = Tokenizer.characters(corpus.texts(), unknown=unknown, **options)
        elif kind == "byte":
            tokenizer = Tokenizer.bytes(**options)
        else:
            options |= {
                "vocab_size": max(sizes),
                "threads": threads,
                "max_memory": max_memory,
                "temp_dir": temp_dir,
                "min_word_count": min_word_count,
                "progress": shown.stage,
            }
            rules: dict[str, Any] = {
                "tie": tie,
                "min_count": min_count,
                "max_token_bytes": max_token_bytes,
                "max_token_rule": max_token_rule,
                "duplicates": duplicates,
            }
            if of_characters:
                tokenizer = Tokenizer.learn_characters(
                    source,
                    lowercase=lowercase,
                    unknown=unknown,
                    tie=tie,
                    min_count=min_count,
                    **options,
                )
            elif extend is not None:
                tokenizer = Tokenizer.load(extend).extend(source, **options, **rules)
            elif kind == "word":
                tokenizer = Tokenizer.words(source, split=split, pattern=pattern, **options)
            else:
                tokenizer = Tokenizer.learn(
                    source, split=split, pattern=pattern, **options, **rules
                )
    written = _write(tokenizer, sizes, out, kind)
    _report(written, tokenizer, corpus, time.monotonic() - started, json=json)


def _sizes(given: str | None) -> list[int]:
    """The sizes asked for, ascending, each once."""
    words = str(DEFAULT_SIZE if given is None else given).split(",")
    try:
        return sorted({int(word) for word in words})
    except ValueError:
        raise UsageError(
            f"--vocab-size: expected a number, or several with commas, found {given!r}"
        ) from None


def _refuse_contradictions(kind: str, given: Mapping[str, object]) -> None:
    """Options that this kind of tokenizer has no use for."""
    learns = kind in ("bpe", "word")
    reasons = {
        "--vocab-size": f"a {kind} vocabulary has its own size",
        "--pattern": f"a {kind} tokenizer has no pieces",
        "--split": f"a {kind} tokenizer has no pieces",
        "--from-counts": f"a {kind} tokenizer is not made from counts",
        "--max-memory": f"a {kind} tokenizer takes no memory to speak of",
    }
    for option, reason in reasons.items():
        if given[option] is not None and not learns:
            raise UsageError(f"{option} is for bpe and word; {reason}")
    for option in ("--tie", "--min-count", "--max-token-bytes", "--duplicates"):
        if given[option] is not None and kind != "bpe":
            raise UsageError(f"{option} is for bpe, which alone learns merges")
    if given["--extend"] is not None and kind != "bpe":
        raise UsageError(f"--extend is for bpe; a {kind} vocabulary cannot be extended")
    if given["--unknown"] is not None and kind != "char":
        raise UsageError(f"--unknown is for char; a {kind} tokenizer knows every byte")


def _require_writable(out: Path, sizes: list[int], tie: str | None) -> None:
    """What cannot be written is refused before a word is read."""
    from primetone.text.tokenizer_files import format_of, require_format

    if len(sizes) > 1:
        if format_of(out) is not None:
            raise UsageError(
                f"several sizes are several files: give a folder by --out, not {out.name}"
            )
        return
    if require_format(out) == "tekken" and tie not in (None, "raw"):
        raise UsageError(
            f"{out.name}: a tekken.json numbers single bytes by their values, which --tie raw "
            f"learns and --tie {tie} does not: learn with --tie raw, or write tokenizer.json and "
            "convert that with --renumber"
        )
    make_place(out)


def _write(
    tokenizer: Tokenizer, sizes: list[int], out: Path, kind: str
) -> list[tuple[Path, Tokenizer]]:
    """Save one file, or one for each size; each with what it holds."""
    if len(sizes) == 1:
        written = [(out, tokenizer)]
    else:
        written = [(out / f"tokenizer-{size}.json", tokenizer.prefix(size)) for size in sizes]
    for path, one in written:
        one.save(path)
    if kind in ("bpe", "word") and tokenizer.vocab_size < max(sizes):
        print_note(
            f"the text, under the limits given, fills only {tokenizer.vocab_size:,} of the "
            f"{max(sizes):,} tokens asked for"
        )
    return written


def _report(
    written: list[tuple[Path, Tokenizer]],
    tokenizer: Tokenizer,
    corpus: Corpus | None,
    seconds: float,
    *,
    json: bool,
) -> None:
    report = tokenizer.learn_report or {}
    broken = () if corpus is None else corpus.broken
    note_broken(broken)
    if report.get("num_dropped_words"):
        print_note(
            f"{report['num_dropped_words']:,} rare words ({report['num_dropped_pieces']:,} pieces) "
            "were left out, as --min-word-count asked"
        )
    if json:
        files = [
            {
                "path": str(path),
                "kind": one.kind,
                "vocab_size": one.vocab_size,
                "split": one.split,
                "fingerprint": one.fingerprint,
            }
            for path, one in written
        ]
        rest = {
            "num_documents": report.get("num_documents"),
            "num_bytes": report.get("num_bytes"),
            "left_out": [path for path, _ in broken],
            "seconds": seconds,
            "report": tokenizer.learn_report,
        }
        print_json({**files[-1], **rest, **({"files": files} if len(files) > 1 else {})})
        return
    source = ""
    if "num_documents" in report:
        source = f", learned from {count_words(report['num_documents'], 'document')}"
    elif report:
        source = ", learned from counts"
    size = f" ({size_words(report['num_bytes'])})" if report else ""
    for path, one in written:
        print(
            f"{path}: {one.vocab_size:,} {one.kind} tokens, fingerprint {one.fingerprint}"
            f"{source}{size} in {duration_words(seconds)}"
        )
