"""`primetone convert`: a tokenizer file -> another format, the same ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from primetone.cli.console import UsageError, make_place, print_json, print_note

Format = Literal["json", "tiktoken", "gpt2", "tekken", "merges", "csv"]


def convert(
    tokenizer: Path,
    /,
    *,
    to: Format,
    out: Path,
    source: Annotated[Format | None, Parameter(name="--from")] = None,
    split: str | None = None,
    pattern: str | None = None,
    special: Annotated[list[str] | None, Parameter(name="--special")] = None,
    lowercase: Annotated[bool | None, Parameter(negative="--keep-case")] = None,
    unknown: str | None = None,
    renumber: bool = False,
    json: bool = False,
) -> None:
    """Write a tokenizer in another format: the same tokens, ids and fingerprint, or an error.

    For example:

        primetone convert tokenizer.json --to tiktoken --out tokenizer.tiktoken
        primetone convert cl100k_base.tiktoken --split gpt4 --to json --out tokenizer.json

    Parameters
    ----------
    tokenizer
        A tokenizer.json, .tiktoken, merges.txt (with vocab.json or vocab.txt), tekken.json,
        .merges or .csv file.
    to
        json is Hugging Face's tokenizer.json, gpt2 is merges.txt with vocab.json, tekken is
        Mistral's, merges is primetone's own text file with the counts, csv is a list of words as
        rows of id,word.
    out
        The file to write (for gpt2 a name that ends in merges.txt); an older one is replaced.
    source
        The format of the input, where its name does not say it.
    split
        How text is cut into pieces, for an input that does not say it: gpt2, gpt4, o200k, llama3,
        qwen2, tekken or none.
    pattern
        In place of a split: a regular expression of your own that matches the pieces.
    special
        A special token that the input does not say, as NAME=ID; repeat for several.
    lowercase
        For merges.txt with vocab.txt: words are lower-cased, or keep their case.
    unknown
        For merges.txt with vocab.txt: the entry for characters outside the alphabet.
    renumber
        Give new ids in the order that tiktoken and tekken need, and write the new id of each old
        one to a .id_map.json beside the file. The fingerprint changes.
    json
        Print the result as JSON.
    """
    from primetone.files import explained, json_bytes, write_atomically
    from primetone.text.tokenizer import Tokenizer

    loaded = Tokenizer.load(
        tokenizer,
        format=source,
        split=split,
        pattern=pattern,
        specials=None if special is None else read_specials(special),
        lowercase=lowercase,
        unknown=unknown,
    )
    written = loaded
    if renumber:
        written, new_ids = loaded.renumbered()
    make_place(out)
    id_map = out.with_name(out.name + ".id_map.json")
    with explained(id_map, "remove"):
        id_map.unlink(missing_ok=True)  # of the file that is replaced
    written.save(out, format=to)
    if renumber:
        write_atomically(id_map, json_bytes(new_ids))
        if written != loaded:
            print_note("the ids are new; ids encoded before mean other tokens now")
    if json:
        print_json(
            {
                "path": str(out),
                "format": to,
                "kind": written.kind,
                "units": written.units,
                "vocab_size": written.vocab_size,
                "num_merges": len(written.merges),
                "fingerprint": written.fingerprint,
                "source_fingerprint": loaded.fingerprint,
                "id_map": str(id_map) if renumber else None,
            }
        )
        return
    print(
        f"{out}: {written.vocab_size:,} {written.kind} tokens as {to}, fingerprint "
        f"{written.fingerprint}"
    )


def read_specials(words: list[str]) -> dict[str, int]:
    """NAME=ID words as a dictionary."""
    specials: dict[str, int] = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        if not (equals and name and number.isascii() and number.isdigit()):
            raise UsageError(f"--special expects NAME=ID, such as '<eos>=2'; found {word!r}")
        if name in specials:
            raise UsageError(f"--special {name!r} is given twice")
        specials[name] = int(number)
    return specials
