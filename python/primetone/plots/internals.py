"""What happens to a prompt inside a model, stage by stage, drawn from saved numbers.

Letters: M soft tokens, K codewords, D channels of a token, C characters of the prompt, L samples,
V symbols, N places of a window.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from primetone.contracts import Internals
from primetone.errors import FormatError
from primetone.files import explained, write_atomically
from primetone.plots.canvas import INK, QUIET, figure_class, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, SECOND = "#2a6f97", "#d1495b"
DIVERGING, RISING = "RdBu_r", "viridis"
LIKELIEST = 20
"""Next characters that are drawn."""
SHOWN_ATOMS = 3

Arrays = Mapping[str, np.ndarray]
Draw = Callable[["Axes", Internals], None]


class Panel(NamedTuple):
    """One picture: the arrays it needs, its words, and how it is drawn."""

    title: str
    across: str
    up: str
    needs: tuple[str, ...]
    draw: Draw


def save_internals(internals: Internals, path: Path) -> None:
    """All numbers and words as one .npz file."""
    buffer = io.BytesIO()
    words = {"_prompt": np.array(internals.prompt), "_symbols": np.array(internals.symbols)}
    np.savez_compressed(buffer, allow_pickle=False, **internals.arrays, **words)
    write_atomically(path, buffer.getvalue())


def read_internals(path: Path) -> Internals:
    """What `save_internals` wrote."""
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        prompt, symbols = arrays.pop("_prompt"), arrays.pop("_symbols")
    except (ValueError, KeyError, OSError) as error:
        raise FormatError(
            f"{path}: expected numbers written by `primetone plot --internals`, found others "
            f"({error}): draw them anew"
        ) from error
    return Internals(arrays=arrays, prompt=tuple(prompt.tolist()), symbols=tuple(symbols.tolist()))


def plot_internals(internals: Internals, out: Path, *, title: str) -> list[Path]:
    """Write internals.npz and, drawn from it, two pictures; the paths written.

    `internals_stages` follows the prompt through the model, `internals_bank` shows the atoms and
    the codebook. Works without a display.
    """
    with explained(out, "create"):
        out.mkdir(parents=True, exist_ok=True)
    save_internals(internals, out / "internals.npz")
    saved = read_internals(out / "internals.npz")
    prompt = "".join(saved.prompt)
    written = [out / "internals.npz"]
    for name, panels in (("stages", STAGES), ("bank", BANK)):
        shown = [panel for panel in panels if all(need in saved.arrays for need in panel.needs)]
        if shown:
            heading = f"{title}: {prompt!r}" if name == "stages" else title
            written += _save(out / f"internals_{name}", shown, saved, heading)
    return written


def _save(stem: Path, panels: list[Panel], internals: Internals, title: str) -> list[Path]:
    columns = 2
    rows = -(-len(panels) // columns)
    figure = figure_class()(figsize=(13.6, 3.1 * rows), layout="constrained")
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, number)
        panel.draw(axes, internals)
        axes.set_title(panel.title, color=INK, fontsize=11)
        axes.set_xlabel(panel.across)
        axes.set_ylabel(panel.up)
    figure.suptitle(title.replace("$", r"\$"), color=INK, fontsize=13)
    return save_figure(figure, stem)


def _line(name: str) -> Draw:
    def draw(axes: Axes, internals: Internals) -> None:
        axes.plot(internals.arrays[name].reshape(-1), color=LINE, linewidth=0.9)
        _quiet_grid(axes)

    return draw


def _map(name: str, *, colours: str) -> Draw:
    def draw(axes: Axes, internals: Internals) -> None:
        _show_map(axes, internals.arrays[name], colours)

    return draw


def _show_map(axes: Axes, values: np.ndarray, colours: str) -> None:
    largest = float(np.abs(values).max()) or 1.0
    low = -largest if colours == DIVERGING else 0.0
    image = axes.imshow(
        values, aspect="auto", cmap=colours, vmin=low, vmax=largest, interpolation="nearest"
    )
    axes.figure.colorbar(image, ax=axes, fraction=0.04, pad=0.01)


def _quiet_grid(axes: Axes) -> None:
    axes.grid(color=QUIET, alpha=0.4, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _next_characters(axes: Axes, internals: Internals) -> None:
    logits = internals.arrays["logits"].astype(np.float64)
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    order = np.argsort(-chances, kind="stable")[:LIKELIEST]
    axes.bar(range(len(order)), chances[order], color=LINE)
    axes.set_xticks(range(len(order)), [_visible(internals.symbols[number]) for number in order])
    _quiet_grid(axes)


def _usage_along(axes: Axes, internals: Internals) -> None:
    usage_CMK = internals.arrays["usage_along"]
    _show_map(axes, usage_CMK.mean(1).T, RISING)
    axes.set_xticks(range(len(internals.prompt)), [_visible(text) for text in internals.prompt])


def _entropies_along(axes: Axes, internals: Internals) -> None:
    usage_CMK = internals.arrays["usage_along"].astype(np.float64)
    entropy_CM = -(usage_CMK * np.log(np.maximum(usage_CMK, 1e-30))).sum(-1)
    _show_map(axes, entropy_CM.T, RISING)
    axes.set_xticks(range(len(internals.prompt)), [_visible(text) for text in internals.prompt])


def _codebook_use(axes: Axes, internals: Internals) -> None:
    use = np.sort(internals.arrays["codebook_use"])[::-1]
    axes.bar(range(len(use)), use, width=1.0, color=LINE)
    axes.axhline(1 / len(use), color=SECOND, linewidth=0.9, label="even use")
    axes.legend(frameon=False)
    _quiet_grid(axes)


def _some_atoms(axes: Axes, internals: Internals) -> None:
    for number in _example_symbols(internals):
        label = _visible(internals.symbols[number])
        axes.plot(internals.arrays["atoms"][number], linewidth=0.8, label=label)
    axes.legend(frameon=False, loc="upper right")
    _quiet_grid(axes)


def _spectra(axes: Axes, internals: Internals) -> None:
    for number in _example_symbols(internals):
        atom = internals.arrays["atoms"][number]
        strength = np.abs(np.fft.rfft(atom)) * 2 / len(atom)
        axes.plot(strength, linewidth=0.8, label=_visible(internals.symbols[number]))
    axes.legend(frameon=False, loc="upper right")
    _quiet_grid(axes)


def _example_symbols(internals: Internals) -> list[int]:
    """The first different characters of the prompt."""
    numbers = {internals.symbols.index(text): None for text in internals.prompt}
    return list(numbers)[:SHOWN_ATOMS]


def _position_kernel(axes: Axes, internals: Internals) -> None:
    kernel_VN = internals.arrays["position_kernel"]
    for row in kernel_VN:
        axes.plot(row, color=QUIET, linewidth=0.5)
    axes.plot(kernel_VN.mean(0), color=LINE, marker="o", markersize=3, label="mean")
    axes.legend(frameon=False)
    _quiet_grid(axes)


def _place_accuracy(axes: Axes, internals: Internals) -> None:
    accuracy = internals.arrays["place_accuracy"]
    axes.bar(range(len(accuracy)), accuracy, color=LINE)
    axes.set_ylim(0.0, 1.0)
    _quiet_grid(axes)


def _visible(text: str) -> str:
    """A character as a label: white space by its usual signs, dollars kept from being formulas."""
    signs = {" ": "\u2423", "\n": "\\n", "\t": "\\t", "\r": "\\r", "$": r"\$"}
    return "".join(signs.get(character, character) for character in text)


STAGES = (
    Panel("Signal of the last window", "sample", "value", ("signal",), _line("signal")),
    Panel(
        "Token logits", "codeword", "soft token", ("token_logits",),
        _map("token_logits", colours=DIVERGING),
    ),
    Panel(
        "Softmax: what each soft token is made of", "codeword", "soft token", ("usage",),
        _map("usage", colours=RISING),
    ),
    Panel(
        "Token embeddings, refined", "channel", "soft token", ("token_embeddings",),
        _map("token_embeddings", colours=DIVERGING),
    ),
    Panel(
        "Flattened tokens", "channel", "value", ("token_embeddings",), _line("token_embeddings")
    ),
    Panel("Pattern", "channel", "value", ("pattern",), _line("pattern")),
    Panel("Refined pattern", "channel", "value", ("refined_pattern",), _line("refined_pattern")),
    Panel("Next character", "likeliest first", "probability", ("logits",), _next_characters),
    Panel(
        "Codewords along the prompt", "character", "codeword", ("usage_along",), _usage_along
    ),
    Panel(
        "Entropy of the soft tokens along the prompt, nats", "character", "soft token",
        ("usage_along",), _entropies_along,
    ),
)  # fmt: skip

BANK = (
    Panel("Atoms in time", "sample", "value", ("atoms",), _some_atoms),
    Panel("Atoms in frequency", "turns over the signal", "strength", ("atoms",), _spectra),
    Panel(
        "Cosines between atoms", "symbol", "symbol", ("atom_cosines",),
        _map("atom_cosines", colours=DIVERGING),
    ),
    Panel(
        "Likeness of an atom to itself, shifted", "places", "cosine", ("position_kernel",),
        _position_kernel,
    ),
    Panel(
        "Characters read back from random contexts by a linear map", "place, oldest first",
        "share", ("place_accuracy",), _place_accuracy,
    ),
    Panel(
        "Use of the codebook on the prompt", "codeword, most used first", "mean share",
        ("codebook_use",), _codebook_use,
    ),
)  # fmt: skip
