"""primetone: raw text to a tokenizer, a packed corpus, a trained model and new text.

Learning, encoding and packing need NumPy only; training needs the `train` extra. Importing this
package does nothing but name what it offers; each part is imported when it is first asked for.

>>> tokenizer = primetone.Tokenizer.learn(["the cat", "the hat"], vocab_size=270)
>>> tokenizer.decode(tokenizer.encode("the hat"))
'the hat'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from primetone import errors as errors
    from primetone import evaluation as evaluation
    from primetone import signals as signals
    from primetone._rust_tok import __version__ as __version__
    from primetone.errors import Error as Error
    from primetone.recipe import Recipe as Recipe
    from primetone.recipe import load_recipe as load_recipe
    from primetone.run import Run as Run
    from primetone.run import train as train
    from primetone.text.corpus import Corpus as Corpus
    from primetone.text.counts import WordCounts as WordCounts
    from primetone.text.ingestion import IngestReport as IngestReport
    from primetone.text.ingestion import ingest as ingest
    from primetone.text.sentences import clean_sentences as clean_sentences
    from primetone.text.store import TokenStore as TokenStore
    from primetone.text.store_writer import write_store as write_store
    from primetone.text.tokenizer import Tokenizer as Tokenizer
    from primetone.tuning import Study as Study
    from primetone.tuning import tune as tune

_HOMES = {
    "Corpus": "primetone.text.corpus",
    "Error": "primetone.errors",
    "IngestReport": "primetone.text.ingestion",
    "Recipe": "primetone.recipe",
    "Run": "primetone.run",
    "Study": "primetone.tuning",
    "TokenStore": "primetone.text.store",
    "Tokenizer": "primetone.text.tokenizer",
    "WordCounts": "primetone.text.counts",
    "__version__": "primetone._rust_tok",
    "clean_sentences": "primetone.text.sentences",
    "ingest": "primetone.text.ingestion",
    "load_recipe": "primetone.recipe",
    "train": "primetone.run",
    "tune": "primetone.tuning",
    "write_store": "primetone.text.store_writer",
}

__all__ = [
    "Corpus",
    "Error",
    "IngestReport",
    "Recipe",
    "Run",
    "Study",
    "TokenStore",
    "Tokenizer",
    "WordCounts",
    "__version__",
    "clean_sentences",
    "errors",
    "evaluation",
    "ingest",
    "load_recipe",
    "signals",
    "train",
    "tune",
    "write_store",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("errors", "evaluation", "signals"):
        return importlib.import_module(f"primetone.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'primetone' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        raise explain_missing(error) from error
    globals()[name] = value
    return value


def explain_missing(error: ModuleNotFoundError) -> ImportError:
    """The error to show for a module that is not installed: which extra brings it, if one does."""
    from primetone.errors import MissingExtraError

    if error.name in ("torch", "safetensors"):
        return MissingExtraError(
            f"training, evaluating and generating need {error.name}, which is not installed: "
            "pip install 'primetone[train]'"
        )
    if error.name == "optuna":
        return MissingExtraError(
            "tuning needs optuna, which is not installed: pip install 'primetone[tune]'"
        )
    return error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
