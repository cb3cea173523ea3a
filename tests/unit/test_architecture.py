"""The house stays as drawn: imports go down, importing does nothing, the README's tree is true."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "primetone"

FLOORS = (
    ("errors", "files", "config"),
    ("contracts",),
    ("text", "signals", "nn", "objectives", "generation"),
    ("families",),
    ("training", "evaluation"),
    ("recipe", "run"),
    ("plots", "chat", "compare", "tuning", "demo"),
    ("cli",),
)
"""Parts of the package from the ground up; docs/architecture.md says what each is for."""

MAY_IMPORT_TORCH = {
    "nn",
    "objectives",
    "generation",
    "families",
    "training",
    "evaluation.likelihood",
    "run",
}
"""Where torch may be imported at the top; anywhere else only inside functions."""

TORCH_FREE = (
    "primetone",
    "primetone.config",
    "primetone.contracts",
    "primetone.errors",
    "primetone.files",
    "primetone.text.corpus",
    "primetone.text.ingestion",
    "primetone.text.store",
    "primetone.text.tokenizer",
    "primetone.evaluation.baselines",
    "primetone.evaluation.report",
    "primetone.plots",
    "primetone.signals",
    "primetone.cli.app",
)
"""What has to work where torch is not installed."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(part: str) -> int | None:
    return next((number for number, parts in enumerate(FLOORS) if part in parts), None)


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            if node.module == "primetone":
                yield from ((node, f"primetone.{alias.name}") for alias in node.names)
            else:
                yield node, node.module or ""


def top_level_imports(tree: ast.Module) -> Iterator[str]:
    """Imports that run when the module is imported: not in functions, not for type checkers."""
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (name for _, name in imports(statement))
        elif isinstance(statement, ast.Try):
            for inner in statement.body:
                yield from (name for _, name in imports(inner))


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_go_downward(path: Path) -> None:
    me = dotted(path)
    my_part = me.split(".")[0]
    if my_part in ("", "__main__"):
        return  # the front doors
    my_floor = floor_of(my_part)
    assert my_floor is not None, f"{me} stands on no floor: add it to FLOORS and architecture.md"
    for statement, name in imports(ast.parse(path.read_text())):
        if not name.startswith("primetone."):
            continue
        part = name.split(".")[1]
        if part in ("_rust_tok", "__version__", "explain_missing") or part == my_part:
            continue
        floor = floor_of(part)
        assert floor is not None, f"{me}:{statement.lineno} imports {name}, which has no floor"
        is_sideways = floor == my_floor and my_floor not in (0, 5, 6)
        # The ground floor, the run with its recipe, and the demo with its plots may know each
        # other; cycles are found below.
        assert floor <= my_floor, f"{me}:{statement.lineno} imports {name} from a floor above"
        assert not is_sideways, f"{me}:{statement.lineno} imports {name} beside it"


def test_the_parts_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        part = dotted(path).split(".")[0]
        if part in ("", "__main__"):
            continue
        for _, name in imports(ast.parse(path.read_text())):
            if name.startswith("primetone.") and floor_of(name.split(".")[1]) is not None:
                graph.setdefault(part, set()).add(name.split(".")[1])
    resolved: set[str] = set()
    while graph.keys() - resolved:
        free = {
            part
            for part, needs in graph.items()
            if part not in resolved and needs - {part} <= resolved | (needs - graph.keys())
        }
        assert free, f"a cycle among {sorted(graph.keys() - resolved)}"
        resolved |= free


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_every_module_says_what_it_is_and_fits_in_a_head(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "no module docstring"
    first = docstring.split("\n\n")[0]
    assert first[-1] in ".:", f"the docstring does not begin with a sentence: {first!r}"
    assert len(text.splitlines()) <= 500, "too long for a head: divide it"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_torch_stays_in_its_rooms(path: Path) -> None:
    me = dotted(path)
    if any(me == room or me.startswith(f"{room}.") for room in MAY_IMPORT_TORCH):
        return
    names = {name.split(".")[0] for name in top_level_imports(ast.parse(path.read_text()))}
    assert "torch" not in names, f"{me} imports torch when it is imported"


WATCH = """
import json, sys, threading
events = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.system")):
        events.append(event)
    if event in ("os.putenv", "os.mkdir", "os.remove", "os.rename", "_thread.start_new_thread"):
        events.append(event)
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        events.append(f"open {arguments[0]}")
sys.addaudithook(watch)
import MODULE
print(json.dumps({
    "events": events,
    "torch": "torch" in sys.modules,
    "numpy": "numpy" in sys.modules,
    "threads": threading.active_count(),
}))
"""


def watched_import(module: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCH.replace("MODULE", module)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_primetone_does_nothing() -> None:
    seen = watched_import("primetone")
    assert not seen["torch"]
    assert not seen["numpy"]
    assert seen["threads"] == 1
    for event in seen["events"]:
        assert re.fullmatch(r"open .*\.(py|pyc)", event), event


def test_learning_needs_no_numpy() -> None:
    """It would be a fifth of the memory that learning from 100 MB of text takes."""
    code = (
        "import sys\n"
        "from primetone.text.tokenizer import Tokenizer\n"
        "assert Tokenizer.learn(['the cat'], vocab_size=258).merges\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=100, check=True)


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_needs_no_torch_imports_none(module: str) -> None:
    seen = watched_import(module)
    assert not seen["torch"]
    assert seen["threads"] == 1
    for event in seen["events"]:
        kind, _, path = event.partition(" ")
        if "primetone" in path:
            assert re.fullmatch(r".*\.(py|pyc|so)", path), event
        assert kind in ("open", "os.putenv"), event  # NumPy sets a variable for its threads


def test_every_module_can_be_imported_first_and_alone() -> None:
    """In one process, each import judged by what it leaves behind: nothing but modules."""
    names = [f"primetone.{dotted(path)}".rstrip(".") for path in modules()]
    names = [name for name in names if not name.endswith("__main__")]
    code = (
        "import importlib, json, sys, threading\n"
        "sockets = []\n"
        "sys.addaudithook(lambda e, a: sockets.append(e) if e.startswith('socket.') else None)\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert threading.active_count() == 1, name\n"
        "    assert not sockets, (name, sockets)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_import_is_quick() -> None:
    """150 ms is the promise; the fastest of several, because machines have other things to do."""
    code = "import time; t = time.perf_counter(); import primetone; print(time.perf_counter() - t)"
    seconds = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    )
    assert seconds < 0.150


TREE_LINE = re.compile(r"^(?P<name>[\w./-]+)\s{2,}(?P<text>\S.*)$")


def readme_tree() -> dict[str, str]:
    """Path below python/primetone -> the words beside it, from the tree in the README."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```\npython/primetone/\n(.*?)```", text, re.DOTALL)
    assert block, "README.md has no tree that starts with python/primetone/"
    found = {}
    for line in block[1].splitlines():
        match = TREE_LINE.match(line.strip())
        assert match, f"not `name  words`: {line!r}"
        found[match["name"]] = match["text"]
    return found


def test_the_readme_tree_matches_the_package() -> None:
    tree = readme_tree()
    there = {
        path.name + ("/" if path.is_dir() else "")
        for path in PACKAGE.iterdir()
        if not path.name.startswith((".", "__pycache__")) and path.suffix not in (".so", ".typed")
    }
    there -= {"__init__.py", "__main__.py", "_rust_tok.pyi"}
    assert set(tree) == there


def test_the_readme_tree_says_what_the_modules_say() -> None:
    """The line in the README shares its nouns with the module's own first sentence."""
    for name, words in readme_tree().items():
        if name == "recipes/":
            continue
        path = PACKAGE / name / "__init__.py" if name.endswith("/") else PACKAGE / name
        docstring = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        normal = " ".join(docstring.split()).rstrip(".")
        assert words.rstrip(".").casefold() == normal.casefold(), f"{name}: {words!r} / {normal!r}"
