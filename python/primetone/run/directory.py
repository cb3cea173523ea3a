"""A run as a directory: all that is needed to go on with it, to judge it and to write with it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch

from primetone.config import decode, encode
from primetone.contracts import Capability, Explained, Family, Internals, WritesSentences
from primetone.errors import ConfigError, FormatError, RunError, TextError
from primetone.evaluation.report import Evaluation
from primetone.evaluation.sample_report import SampleReport
from primetone.families import family
from primetone.files import DirectoryCommit, verify_manifest, write_json
from primetone.generation import SamplingConfig, write_text
from primetone.recipe import (
    Recipe,
    Setting,
    encode_recipe,
    explain_settings,
    read_recipe,
)
from primetone.run.changes import change_sources, with_changes
from primetone.run.data import (
    TOKENIZER,
    DataRecord,
    RunData,
    Sources,
    StageProgress,
    open_data,
    prepare_data,
    read_record,
)
from primetone.run.environment import environment
from primetone.run.judging import Judge, encode_text, training_text
from primetone.run.sentences import known_language, read_sentences, report_sentences
from primetone.run.sharing import PreparedData, copy_prepared
from primetone.run.size import count_parameters
from primetone.text.tokenizer import Tokenizer
from primetone.training.checkpoint import CheckpointStore
from primetone.training.metrics import METRICS, read_metrics
from primetone.training.runtime import Runtime, start_runtime
from primetone.training.settings import TrainConfig

RECIPE = "recipe.json"
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"
# The stores check themselves, block by block, when they are opened.
CHECKED_ELSEWHERE = ("data/train/ids.bin", "data/validation/ids.bin")


@final
class Run:
    """An opened run directory; make one with `create` or `open`.

    `recipe` is the recipe it was made with, under the changes that later resumptions brought.
    """

    def __init__(
        self, path: Path, recipe: Recipe, tokenizer: Tokenizer, data_record: DataRecord
    ) -> None:
        self.path = path
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.data_record = data_record
        self._loaded: tuple[int, torch.nn.Module] | None = None

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        recipe: Recipe,
        sources: Sources | PreparedData,
        *,
        validation: Sources | None = None,
        tokenizer: Tokenizer | None = None,
        progress: StageProgress | None = None,
    ) -> Run:
        """Make a run directory ready for training; it appears complete or not at all.

        `sources` are texts, one token store, or data prepared before; `validation` is a text apart,
        if any. Without `tokenizer` the one of the store is used, or one is learned as the recipe
        says. Errors: RunError when something is there already.
        """
        folder = Path(path)
        require_free(folder)
        _start_runtime(recipe.train)  # what this machine cannot do is refused before a word is read
        if folder.is_dir():
            folder.rmdir()  # it is empty
        with DirectoryCommit(folder) as temporary:
            window = family(recipe.family).window(recipe.model)
            if isinstance(sources, PreparedData):
                copy_prepared(sources, temporary, window=window)
            else:
                found = prepare_data(
                    temporary,
                    recipe,
                    sources,
                    window=window,
                    validation=validation,
                    tokenizer=tokenizer,
                    progress=progress,
                )
                found.save(temporary / TOKENIZER)
            write_json(temporary / RECIPE, encode_recipe(recipe))
            write_json(temporary / ENVIRONMENT, environment())
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Run:
        """Open a run directory after checking what it was made with.

        Errors: RunError when it is none, FormatError when a file in it is damaged.
        """
        folder = Path(path)
        if not is_run(folder):
            raise RunError(
                f"{folder} is not a run: expected a directory with {RECIPE}, written by "
                f"`primetone train`, found {_what_is(folder)}; check the path"
            )
        verify_manifest(folder, skip=CHECKED_ELSEWHERE)
        recipe = with_changes(folder, read_recipe(folder / RECIPE))
        return cls(folder, recipe, Tokenizer.load(folder / TOKENIZER), read_record(folder))

    @property
    def metrics_path(self) -> Path:
        """The record of training, one JSON object a line."""
        return self.path / METRICS

    @property
    def checkpoints(self) -> CheckpointStore:
        """The checkpoints of the run."""
        return CheckpointStore(self.path / CHECKPOINTS, keep=self.recipe.train.keep_checkpoints)

    @property
    def family(self) -> Family:
        """The family of the run's model."""
        return family(self.recipe.family)

    @functools.cached_property
    def runtime(self) -> Runtime:
        """Device, precision and threads, settled when they are first needed."""
        return _start_runtime(self.recipe.train)

    @functools.cached_property
    def judge(self) -> Judge:
        """Scores ids as this run's models see them."""
        window = self.family.window(self.recipe.model)
        return Judge(self.tokenizer, window=window, runtime=self.runtime)

    def data(self) -> RunData:
        """What the run trains and validates on, checked against its checksums."""
        return open_data(self.path, self.data_record, self.tokenizer)

    def build_model(self) -> torch.nn.Module:
        """A new model as the recipe says, its weights decided by the seed."""
        self.runtime.seed(self.recipe.train.seed, "weights")
        return self.family.build(self.recipe.model, vocab_size=self.tokenizer.vocab_size)

    def model(self, step: int | None = None) -> torch.nn.Module:
        """The trained model of a step, in evaluation mode; None is the best, or else the latest."""
        chosen = self._chosen_step() if step is None else step
        if self._loaded is None or self._loaded[0] != chosen:
            self._loaded = (chosen, self._load(chosen))
        return self._loaded[1]

    def sampling(self, **changes: Any) -> SamplingConfig:
        """The recipe's way to draw samples with some keys changed, checked."""
        settings = {**encode(self.recipe.generate), **changes}
        return decode(SamplingConfig, settings, path="generate")

    def generate(
        self, prompt: str = "", *, step: int | None = None, **sampling: Any
    ) -> Iterator[str]:
        """New text after `prompt` in pieces as they come; `sampling` overrides generate keys."""
        self._require("generate")
        settings = self.sampling(**sampling)
        return self.write(self.model(step), prompt, settings)

    def speaker(self, *, step: int | None = None) -> Callable[[str, SamplingConfig], Iterator[str]]:
        """A function that writes new text after a prompt; the model is loaded once."""
        self._require("chat")
        model = self.model(step)
        return lambda prompt, settings: self.write(model, prompt, settings)

    def internals(self, prompt: str, *, step: int | None = None) -> Internals:
        """What happens to a prompt inside the model, stage by stage.

        Errors: ConfigError if the family cannot show it, TextError for an empty prompt.
        """
        self._require("internals")
        ids = [int(token_id) for token_id in self.tokenizer.encode(prompt)]
        if not ids:
            raise TextError("expected a prompt of at least one character, found none: give a text")
        family = cast("Explained", self.family)
        symbols = [self.tokenizer[token_id] for token_id in range(self.tokenizer.vocab_size)]
        return Internals(
            arrays=family.internals(self.model(step), ids),
            prompt=tuple(symbols[token_id].decode("utf-8", "replace") for token_id in ids),
            symbols=tuple(symbol.decode("utf-8", "replace") for symbol in symbols),
        )

    def write(self, model: torch.nn.Module, prompt: str, settings: SamplingConfig) -> Iterator[str]:
        """New text by a model of this run that is in memory."""
        writer = self.family.writer(
            model,
            eos_id=self.tokenizer.eos_id,
            seed=settings.seed,
            style_seed=settings.style_seed,
        )
        return write_text(writer, self.tokenizer, prompt, settings)

    def evaluate(
        self,
        text: str | os.PathLike[str] | None = None,
        *,
        step: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Evaluation:
        """Score a checkpoint on the validation text (or a text of yours) beside the baselines.

        The baselines learn from the end of the run's training text, and are scored on the same
        bytes as the model. `say` hears what is being done.
        """
        self._require("score")
        model, streams, data = self.model(step), self.data(), self.recipe.data
        ids = np.asarray(streams.validation.ids)
        if text is not None:
            ids = encode_text(text, self.tokenizer, encoding=data.encoding, field=data.field)
        known = training_text(streams.train, self.tokenizer)
        return self.judge.full(model, ids, training_text=known, say=say)

    def evaluate_samples(
        self,
        text: str | os.PathLike[str] | None = None,
        *,
        count: int = 1000,
        temperatures: Sequence[float] = (1.0, 0.9, 0.8),
        seed: int = 0,
        step: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> SampleReport:
        """Sentences of a checkpoint beside real ones and those of n-gram samplers.

        All are compared with the validation text (or a text of yours, read as the run's data was);
        real sentences and n-grams are from the training text. `say` hears what is being done.
        Errors: ConfigError if the family does not write sentences.
        """
        family = self.family
        if not isinstance(family, WritesSentences):
            raise ConfigError(
                f"the family {self.recipe.family!r} does not write whole sentences: evaluate it by "
                "its likelihood"
            )
        references = None if text is None else read_sentences(text, self.recipe.data)
        return report_sentences(
            family,
            self.model(step),
            self.tokenizer,
            self.data(),
            references=references,
            language=known_language(self.recipe.data, self.data_record.fingerprint),
            count=count,
            temperatures=temperatures,
            seed=seed,
            say=say,
        )

    def facts(self) -> dict[str, Any]:
        """What there is to know at a glance, as plain values."""
        facts = {
            "path": str(self.path),
            "family": self.recipe.family,
            "num_parameters": count_parameters(self.recipe, self.tokenizer.vocab_size),
            "tokenizer": repr(self.tokenizer),
            "data": ", ".join(self.data_record.sources),
            "train_tokens": self.data_record.train_tokens,
            "validation_tokens": self.data_record.validation_tokens,
            "checkpoints": self.checkpoints.steps(),
            "latest_step": self.checkpoints.latest(),
            "best_step": self.checkpoints.best(),
        }
        return {**facts, **self.last_figures()}

    def settings(self) -> list[Setting]:
        """Every key of the recipe, as the last resumption left it, explained."""
        return explain_settings(self.recipe, change_sources(self.path), "the run")

    def last_figures(self) -> dict[str, Any]:
        """The last line of training and the last evaluation, as far as there are any."""
        figures: dict[str, Any] = {}
        if self.metrics_path.exists():
            for line in read_metrics(self.metrics_path):
                prefix = "last_" if line["event"] == "train" else "validation_"
                for key in ("tokens", "elapsed_seconds", "loss", "nats_per_token", "bits_per_byte"):
                    if key in line:
                        figures[f"{prefix}{key}"] = line[key]
        return figures

    def _load(self, step: int) -> torch.nn.Module:
        weights = self.checkpoints.load_model(step)
        for name, tensor in weights.items():
            if not tensor.isfinite().all():
                raise FormatError(
                    f"the checkpoint of step {step} in {self.path} holds numbers that are not "
                    f"finite, in {name}: use an earlier one by --step, or train again"
                )
        model = self.build_model()
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise FormatError(
                f"the checkpoint of step {step} does not fit the recipe of {self.path}: {error}"
            ) from error
        return model.to(self.runtime.device).eval()

    def _chosen_step(self) -> int:
        chosen = self.checkpoints.best()
        chosen = self.checkpoints.latest() if chosen is None else chosen
        if chosen is None:
            raise RunError(
                f"{self.path} has no checkpoint yet: train it first, by `primetone train` with "
                f"--out {self.path} --resume auto"
            )
        return chosen

    def _require(self, capability: Capability) -> None:
        if capability not in self.family.can:
            able = ", ".join(sorted(self.family.can)) or "nothing"
            raise ConfigError(
                f"the family {self.recipe.family!r} cannot {capability}: it can {able}"
            )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, family={self.recipe.family!r})"


def _start_runtime(train: TrainConfig) -> Runtime:
    return start_runtime(
        device=train.device,
        precision=train.precision,
        compile=train.compile,
        threads=train.threads,
    )


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether there is a run directory at `path`."""
    return (Path(path) / RECIPE).is_file()


def require_free(folder: Path) -> None:
    """RunError unless nothing, or an empty directory, is at `folder`."""
    if is_run(folder):
        raise RunError(
            f"{folder} holds a run already: go on with it by --resume auto, or choose another "
            "directory by --out"
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RunError(
            f"expected a new directory for the run, found {_what_is(folder)} at {folder}: choose "
            "another one by --out"
        )


def _what_is(path: Path) -> str:
    if not path.exists():
        return "nothing"
    if not path.is_dir():
        return "a file"
    return "another directory" if any(path.iterdir()) else "an empty directory"
