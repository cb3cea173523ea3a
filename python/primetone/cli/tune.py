"""`primetone tune`: search a recipe's settings by many trainings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from primetone.cli.console import Progress, Texts, UsageError, print_json


def tune(
    recipe: str,
    /,
    *overrides: str,
    data: Annotated[list[Texts] | None, Parameter(negative=())] = None,
    validation: Annotated[list[Texts] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    trials: int | None = None,
    workers: int = 1,
    preset: str = "default",
    space: Path | None = None,
    sampler: Literal["tpe", "tpe-classic", "random"] | None = None,
    pruner: Literal["halving", "hyperband", "median", "none"] | None = None,
    seed: int | None = None,
    keep: int = 3,
    json: bool = False,
) -> None:
    """Search the settings of a recipe for the fewest bits per byte on the validation text.

    Every trial is a run below the study's directory; bad ones are ended early. Stopped by Ctrl-C
    or killed, a study goes on when the same command is called again. The directory gets table.md,
    results.json, pictures, and best.toml, a recipe that `primetone train` takes.

    For example:

        primetone tune decoder --data book.txt --trials 60 --workers 2 --out studies/book
        primetone train studies/book/best.toml --data book.txt --out runs/best

    Parameters
    ----------
    recipe
        A recipe that comes with primetone, or the path of a .toml or recipe.json file.
    overrides
        Values on top of the recipe for all trials: key=value. Such a key is not searched.
    data
        A text (file, folder or glob; repeat for several) or a token store.
    validation
        A text to validate on, in place of a share of the data; repeat for several.
    out
        The directory of the study; studies/RECIPE when not given.
    trials
        How many there are to be in all, those of earlier calls included; the preset's when not
        given.
    workers
        Processes that train side by side, each with its share of the cores, or a GPU of its own.
    preset
        What is searched and how: default, or bpe-classic (the fourth original project's search).
    space
        A search space of your own in TOML, such as optimizer.learning_rate = { low = 1e-4,
        high = 1e-2, scale = "log" } or model.heads = { choices = [2, 4] }.
    sampler
        Who chooses values: tpe, tpe-classic (each key by itself), or random.
    pruner
        Who ends trials early: halving, hyperband, median, or none.
    seed
        Of the sampler; the preset's when not given.
    keep
        How many of the best trials keep their checkpoints.
    json
        Print the results as JSON.
    """
    if workers < 1:
        raise UsageError(f"expected --workers of at least 1, found {workers}")
    if trials is not None and trials < 1:
        raise UsageError(f"expected --trials of at least 1, found {trials}")
    if keep < 1:
        raise UsageError(f"expected --keep of at least 1, found {keep}")
    folder = out if out is not None else Path("studies") / Path(recipe).stem
    with Progress() as progress:
        progress.show("starting")
        from primetone.tuning import tune as run_study
        from primetone.tuning.report import table

        def say(line: str) -> None:
            progress.clear()
            if not json:
                print(line, flush=True)

        study = run_study(
            recipe,
            list(data) if data else None,
            folder,
            trials=trials,
            workers=workers,
            validation=validation,
            preset=preset,
            overrides=overrides,
            space=None if space is None else _read_space(space),
            sampler=sampler,
            pruner=pruner,
            seed=seed,
            keep=keep,
            say=say,
            status=progress.show,
        )
    if json:
        print_json(study.report)
        return
    print(f"\n{table(study.report)}\n{folder}")
    if study.report["best"] is not None:
        print(f"next: primetone train {folder / 'best.toml'} --data ...")


def _read_space(path: Path) -> dict[str, Any]:
    from primetone.errors import FormatError
    from primetone.files import explained

    with explained(path, "read"):
        text = path.read_bytes()
    try:
        return tomllib.loads(text.decode())
    except ValueError as error:  # no UTF-8, or no TOML
        raise FormatError(f"{path} is not valid TOML: {error}") from None
