"""What a user installs: the wheel built from the sdist, in an empty environment without torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_WHEEL_BYTES = 10_000_000

USE = """
import importlib.util, sys
assert importlib.util.find_spec("torch") is None, "torch was installed"
import primetone
assert primetone.__file__.startswith(sys.prefix), primetone.__file__
texts = ["the cat sat on the mat. " * 20, "naïve 猫 🐈"]
tokenizer = primetone.Tokenizer.learn(texts, vocab_size=280)
tokenizer.save("tokenizer.json")
again = primetone.Tokenizer.load("tokenizer.json")
assert again == tokenizer
for text in texts:
    assert again.decode(again.encode(text)) == text
store = primetone.write_store("store", primetone.Corpus.from_texts(texts), again)
assert store.num_documents == 2
try:
    primetone.train
except primetone.errors.MissingExtraError as error:
    assert "primetone[train]" in str(error), error
else:
    raise AssertionError("training without torch should say what is missing")
"""


def run(*words: object, cwd: Path, **extra: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", **extra},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sdist from the checkout, wheel from the sdist; crates from cargo's cache if it has them."""
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo to build the wheel")
    folder = tmp_path_factory.mktemp("dist")
    maturin = (sys.executable, "-m", "maturin")
    run(*maturin, "sdist", "--out", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    for name in ("LICENSE-MIT", "LICENSE-APACHE", "README.md", "Cargo.lock", "rust_tok"):
        assert (source / name).exists(), f"the sdist has no {name}"
    # An sdist has old dates, by which cargo would take what it built from other sources for new.
    for path in source.rglob("*"):
        os.utime(path)
    # Compiled crates are taken from the checkout's target directory where they are the same.
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    words = ("build", "--release", "--locked", "--interpreter", sys.executable, "--out", folder)
    run(*maturin, *words, cwd=source, CARGO_TARGET_DIR=target)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.timeout(600)
def test_the_wheel_is_small_and_complete(wheel: Path) -> None:
    assert "-abi3-" in wheel.name
    assert wheel.stat().st_size < MOST_WHEEL_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("primetone/py.typed", "primetone/_rust_tok.pyi", "primetone/recipes/char.toml"):
        assert name in names
    assert sum(name.endswith((".so", ".pyd")) for name in names) == 1
    assert not any("test" in name or "__pycache__" in name for name in names)
    assert any("LICENSE-MIT" in name for name in names)


@pytest.mark.timeout(600)
def test_an_empty_environment_learns_saves_loads_encodes_and_decodes(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if shutil.which("uv") and subprocess.run(["uv", "--version"], check=False).returncode == 0:
        run("uv", "venv", "--quiet", "--python", sys.executable, environment, cwd=tmp_path)
        install = ("uv", "pip", "install", "--quiet", "--python", python)
    else:
        run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    run(python, "-c", USE, cwd=tmp_path)
    command = python.with_name("primetone")
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. " * 20, encoding="utf-8")
    run(command, "learn", text, "--vocab-size", 270, "--out", "t.json", cwd=tmp_path)
    run(command, "encode", "t.json", text, "--out", "packed", cwd=tmp_path)
    ids = run(command, "encode", "t.json", text, cwd=tmp_path)
    done = subprocess.run(
        [command, "decode", "t.json"], cwd=tmp_path, input=ids, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == text.read_text(encoding="utf-8")
    missing = subprocess.run(
        [command, "train", "decoder", "--data", text], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert missing.returncode == 1
    assert missing.stderr.startswith("primetone: error: ")
    assert "primetone[train]" in missing.stderr
