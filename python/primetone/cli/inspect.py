"""`primetone inspect`: what is in a recipe, a tokenizer, a store or a run."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from primetone.cli.console import (
    count_words,
    print_json,
    print_table,
    size_words,
    wants_colour,
)

if TYPE_CHECKING:
    from primetone.recipe import Setting
    from primetone.text.token_view import TokenView

HELP = """Show what is in a recipe, a tokenizer, a store or a run.

For example:

    primetone inspect recipe decoder
    primetone inspect run runs/decoder
"""


def build_inspect() -> App:
    """The verb with its four objects."""
    app = App(name="inspect", help=HELP, help_epilogue="")
    for command in (recipe, tokenizer, store, run):
        app.command(command)
    return app


def recipe(name: str | None = None, /, *overrides: str, json: bool = False) -> None:
    """Show every key of a recipe: value, where it is from, what it means. No name lists recipes.

    For example:

        primetone inspect recipe decoder model.width=256

    Parameters
    ----------
    name
        A recipe that comes with primetone, or the path of a .toml or recipe.json file.
    overrides
        Values on top, as `primetone train` takes them: key=value.
    json
        Print as JSON.
    """
    from primetone.recipe import explain_recipe, recipe_names, recipe_summary

    if name is None:
        summaries = {known: recipe_summary(known) for known in recipe_names()}
        if json:
            print_json(summaries)
        else:
            print_table(summaries.items())
        return
    settings = explain_recipe(name, overrides)
    if json:
        print_json([setting._asdict() for setting in settings])
        return
    _print_settings(settings)


def tokenizer(
    path: Path,
    /,
    *,
    text: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    json: bool = False,
) -> None:
    """Show a tokenizer's kind, size, specials and fingerprint, or the tokens of a text.

    For example:

        primetone inspect tokenizer tokenizer.json
        primetone inspect tokenizer tokenizer.json --text "It was a dark night."

    Parameters
    ----------
    path
        A tokenizer file.
    text
        A text to show in tokens, coloured on a terminal, special tokens among them; - reads it from
        standard input.
    json
        Print as JSON.
    """
    from primetone.text.tokenizer import Tokenizer

    loaded = Tokenizer.load(path)
    if text is not None:
        data = _text_bytes(text)
        _print_tokens(loaded.show(data, allowed_special="all"), len(data), json=json)
        return
    lengths = loaded.token_lengths()
    _print_facts(
        {
            "kind": loaded.kind,
            "vocab_size": loaded.vocab_size,
            "split": loaded.split,
            "specials": dict(loaded.specials),
            "longest_token_bytes": int(lengths.max()) if len(lengths) else 0,
            "fingerprint": loaded.fingerprint,
        },
        json=json,
    )


def store(path: Path, /, *, json: bool = False) -> None:
    """Check a token store and show its sizes and fingerprints.

    For example:

        primetone inspect store store

    Parameters
    ----------
    path
        A token store.
    json
        Print as JSON.
    """
    from primetone.text.store import TokenStore

    opened = TokenStore.open(path)
    _print_facts(
        {
            "num_tokens": opened.num_tokens,
            "num_documents": opened.num_documents,
            "num_bytes": opened.num_bytes,
            "bytes_per_token": round(opened.num_bytes / max(opened.num_tokens, 1), 4),
            "dtype": str(opened.ids.dtype),
            "tokenizer_fingerprint": opened.tokenizer_fingerprint,
            "fingerprint": opened.fingerprint,
        },
        json=json,
    )


def run(path: Path, /, *, json: bool = False) -> None:
    """Show what a run is made of: data, checkpoints, last figures, and every key of its recipe.

    For example:

        primetone inspect run runs/decoder

    Parameters
    ----------
    path
        A run directory.
    json
        Print as JSON.
    """
    from primetone.run import Run

    opened = Run.open(path)
    facts = opened.facts()
    if json:
        print_json({**facts, "recipe": [setting._asdict() for setting in opened.settings()]})
        return
    facts["size_of_weights"] = size_words(4 * facts["num_parameters"])
    _print_facts(facts, json=False)
    print()
    _print_settings(opened.settings())


def _text_bytes(text: str) -> bytes:
    if text == "-":
        from primetone.text.sources import read_stdin

        return read_stdin()
    # Python hands on the undecodable bytes of an argument as lone surrogates
    return text.encode("utf-8", "surrogateescape")


def _print_tokens(view: TokenView, num_bytes: int, *, json: bool) -> None:
    from primetone.text.token_view import visible

    if json:
        print_json(
            [
                {"id": span.token_id, "text": visible(span.token), "is_special": span.is_special}
                for span in view
            ]
        )
        return
    print(view.lines(colour=wants_colour()))
    print(f"{count_words(len(view), 'token')}, {count_words(num_bytes, 'byte')}")


def _print_settings(settings: list[Setting]) -> None:
    print_table(
        (setting.path, _show(setting.value), setting.source, f"{setting.help} ({setting.type})")
        for setting in settings
    )


def _print_facts(facts: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(facts)
    else:
        print_table((name, _show(value)) for name, value in facts.items())


def _show(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)
