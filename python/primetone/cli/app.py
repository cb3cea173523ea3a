"""The table of verbs, each a typed function whose signature and docstring are its interface."""

from __future__ import annotations

from cyclopts import App, Parameter

from primetone.cli.chat import chat
from primetone.cli.compare import compare
from primetone.cli.compare_tokenizers import compare_tokenizers
from primetone.cli.convert import convert
from primetone.cli.count import count, merge_counts
from primetone.cli.count_tokens import count_tokens
from primetone.cli.decode import decode
from primetone.cli.demo import demo
from primetone.cli.encode import encode
from primetone.cli.evaluate import evaluate
from primetone.cli.generate import generate
from primetone.cli.ingest import ingest
from primetone.cli.inspect import build_inspect
from primetone.cli.learn import learn
from primetone.cli.overlap import overlap
from primetone.cli.plot import plot
from primetone.cli.train import train
from primetone.cli.tune import tune
from primetone.cli.vocab import sentences, vocab

HELP = "Raw text to a tokenizer, a packed corpus, a trained model and new text."
EXAMPLE = "Start with: primetone demo"


def build_app() -> App:
    """The parser with every verb; `primetone.cli.main` runs it."""
    from primetone import __version__

    app = App(
        name="primetone",
        help=HELP,
        help_epilogue=EXAMPLE,
        version=f"primetone {__version__}",
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=()),
    )
    verbs = (
        ingest,
        learn,
        count,
        merge_counts,
        convert,
        encode,
        decode,
        count_tokens,
        compare_tokenizers,
        overlap,
        vocab,
        sentences,
        train,
        tune,
        evaluate,
        generate,
        chat,
        plot,
        compare,
    )
    for verb in verbs:
        app.command(verb, help_epilogue="")
    app.command(build_inspect())
    app.command(demo, help_epilogue="")
    return app
