"""The whole path on a text that is already there: learn, encode, train, evaluate, generate."""

from __future__ import annotations

import ast
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from primetone.errors import TextError
from primetone.evaluation.report import Evaluation
from primetone.recipe import load_recipe
from primetone.run import Run, train
from primetone.run.data import learn_tokenizer
from primetone.text.corpus import Corpus
from primetone.text.tokenizer import Tokenizer

RECIPE = "demo"
ENOUGH_BYTES = 200_000
SHORT_PARAGRAPH = 60
MOST_DOCSTRING_BYTES = 600_000
LINE_SECONDS = 10.0
MANUAL_PROMPTS = ("The import statement", "If the expression", "A class")
INDENT = " " * 12

Say = Callable[[str], None]


class DemoProgress(Protocol):
    """What shows on a terminal while something runs."""

    def stage(self, stage: str, done: int, total: int) -> None: ...

    def show(self, text: str) -> None: ...

    def clear(self) -> None: ...


def run_demo(
    *,
    text: str | os.PathLike[str] | None,
    out: str | os.PathLike[str] | None,
    seconds: float | None,
    say: Say,
    progress: DemoProgress,
) -> Run:
    """Walk the whole path and say at each step what it made; under two minutes on two cores."""
    started = time.monotonic()
    recipe = load_recipe(RECIPE, [] if seconds is None else [f"train.max_seconds={seconds}"])
    folder = Path(out) if out is not None else _free_folder()

    corpus, name = read_demo_text(text)
    say(f"1 text      {name}: {corpus.num_documents:,} documents, {corpus.num_bytes:,} bytes")

    began = time.monotonic()
    split = corpus.split(recipe.data.validation_fraction, by=recipe.data.split_by)
    tokenizer = learn_tokenizer(recipe.tokenizer, corpus, split, progress.stage)
    progress.clear()
    say(
        f"2 learn     {tokenizer.vocab_size:,} tokens from the first {split.train.num_bytes:,} "
        f"bytes in {time.monotonic() - began:.1f} s, such as"
    )
    say(f"{INDENT}{_in_pieces(split.validation, tokenizer)}")

    began = time.monotonic()
    run = Run.create(folder, recipe, corpus, tokenizer=tokenizer, progress=progress.stage)
    progress.clear()
    record = run.data_record
    say(
        f"3 encode    {record.train_tokens:,} tokens to train on, {record.validation_tokens:,} set "
        f"aside ({corpus.num_bytes / (record.train_tokens + record.validation_tokens):.2f} bytes "
        f"each) in {time.monotonic() - began:.1f} s"
    )

    facts = run.facts()
    say(
        f"4 train     {facts['family']}, {recipe.model.layers} layers, width {recipe.model.width}, "
        f"{facts['num_parameters']:,} parameters, for {recipe.train.max_seconds:.0f} s"
    )
    run = train(recipe, None, folder, resume="auto", report=_TrainingLines(say).take)

    evaluation = run.evaluate(say=progress.show)
    progress.clear()
    say(f"5 evaluate  bits per byte on the {evaluation.num_bytes:,} bytes kept apart, best first")
    for contender, bits in _ranking(evaluation):
        say(f"{INDENT}{bits:.3f}  {contender}")

    prompts = MANUAL_PROMPTS if text is None else _openings(split.validation)
    say(f"6 generate  {len(prompts)} samples")
    for seed, prompt in enumerate(prompts, start=1):
        written = prompt + "".join(run.generate(prompt, seed=seed))
        say(f"{INDENT}--- seed {seed}, prompt {prompt!r}")
        for line in written.splitlines():
            say(f"{INDENT}{line}".rstrip())

    say(f"\nAll of it is in {run.path}, made in {time.monotonic() - started:.0f} s. Go on with:")
    for command in _next_commands(run.path, prompts[0]):
        say(f"  {command}")
    return run


def read_demo_text(text: str | os.PathLike[str] | None) -> tuple[Corpus, str]:
    """The user's text, or the prose that Python brings, and what to call it."""
    if text is not None:
        return Corpus.read(text), os.fspath(text)
    manual = _manual()
    if sum(map(len, manual)) >= ENOUGH_BYTES:
        return Corpus.from_texts(manual), "the Python manual (pydoc_data.topics)"
    docstrings = list(_docstrings())
    if sum(map(len, docstrings)) < ENOUGH_BYTES:
        raise TextError(
            "expected the manual or the docstrings that come with Python to learn from, found "
            "neither in this installation: name a text of yours by --text"
        )
    return Corpus.from_texts(docstrings), "the docstrings of Python's standard library"


def _manual() -> list[str]:
    """The texts of Python's interactive help, in the order of their names, every paragraph once.

    Some topics repeat parts of others: what is kept apart for validation must not be known already.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions leave it out
        return []
    seen: set[str] = set()
    texts = []
    for name in sorted(topics):
        paragraphs = []
        for paragraph in topics[name].strip().split("\n\n"):
            words = " ".join(paragraph.split())
            if len(words) < SHORT_PARAGRAPH or words not in seen:
                paragraphs.append(paragraph)
            seen.add(words)
        texts.append("\n\n".join(paragraphs).strip() + "\n")
    return texts


def _docstrings() -> Iterator[str]:
    """Docstrings in the sources of the standard library, up to a size that is quick to learn."""
    left = MOST_DOCSTRING_BYTES
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            docstring = ast.get_docstring(node)
            if docstring:
                left -= len(docstring)
                yield docstring + "\n"
        if left < 0:
            return


class _TrainingLines:
    """A line now and then while training, so that also a log shows it going."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.next_seconds = 0.0

    def take(self, line: Mapping[str, Any]) -> None:
        if line["event"] != "train" or line["elapsed_seconds"] < self.next_seconds:
            return
        self.next_seconds = line["elapsed_seconds"] + LINE_SECONDS
        self.say(
            f"{INDENT}{line['elapsed_seconds']:4.0f} s  step {line['step']:,}  loss "
            f"{line['loss']:.3f} nats per token  {line['tokens_per_second']:,.0f} tokens/s"
        )


def _in_pieces(corpus: Corpus, tokenizer: Tokenizer) -> str:
    """The beginning of the wordiest of the first lines of a text, its tokens set apart."""
    lines = next(corpus.texts())[:4000].decode("utf-8", "ignore").splitlines() or [""]
    wordiest = max(lines, key=lambda line: sum(word.isalpha() for word in line.split()))
    ids = tokenizer.encode(" ".join(wordiest.split())[:64])
    return "|".join(tokenizer.decode([int(token_id)]) for token_id in ids)


def _ranking(evaluation: Evaluation) -> Sequence[tuple[str, float]]:
    orders = sum(name.startswith("ngram_") for name in evaluation.baselines) - 1
    contenders = {"this model": evaluation.bits_per_byte}
    for name, label in (
        ("ngram_best", f"the best n-gram model of bytes (orders 1 to {orders})"),
        ("ppm", "PPMd, with the training text before it"),
        ("xz", "xz -9e, with the training text before it"),
    ):
        if name in evaluation.baselines:
            contenders[label] = evaluation.baselines[name]
    return sorted(contenders.items(), key=lambda item: item[1])


def _openings(corpus: Corpus) -> Sequence[str]:
    """The first words of three lines of a text, spread over it."""
    text = b"".join(corpus.texts())[: 1 << 20].decode("utf-8", "ignore")
    lines = [line for line in text.splitlines() if len(line.split()) >= 4] or [text[:20]]
    chosen = [lines[len(lines) * part // 3] for part in range(3)]
    return tuple(dict.fromkeys(" ".join(line.split()[:3]) for line in chosen))


def _next_commands(run: Path, prompt: str) -> Sequence[str]:
    command = "primetone" if shutil.which("primetone") else _own_command()
    return (
        f'{command} generate {run} --prompt "{prompt}" --tokens 200 --seed 7',
        f"{command} evaluate {run}",
        f"{command} plot {run}",
        f"{command} inspect run {run}",
        f"{command} train {RECIPE} --out {run} --resume auto train.max_seconds=180",
        f"{command} train decoder --data YOUR_TEXT --out runs/mine",
    )


def _own_command() -> str:
    """How this process was called, as short as a person would type it."""
    called = Path(sys.argv[0])
    if called.name != "primetone":
        return "python -m primetone"
    try:
        return os.path.relpath(called)
    except ValueError:  # another drive
        return str(called)


def _free_folder() -> Path:
    """runs/demo, or the first of runs/demo-2, runs/demo-3, ... that is free."""
    number = 1
    while True:
        folder = Path("runs") / (RECIPE if number == 1 else f"{RECIPE}-{number}")
        if not folder.exists():
            return folder
        number += 1
