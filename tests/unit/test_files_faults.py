"""Each system call of a save fails in turn, in a real process: the old version always survives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from primetone.files import DirectoryCommit, sweep_stale, verify_manifest, write_atomically

SAVE = """
import sys
from pathlib import Path
from primetone._rust_tok import Blake3
from primetone.errors import FileError
from primetone.files import DirectoryCommit, write_atomically
target = Path(sys.argv[1])
try:
    if sys.argv[2] == "file":
        write_atomically(target, [b"new" * 1000] * 3)
    else:
        with DirectoryCommit(target, overwrite=True) as folder:
            write_atomically(folder / "x", b"new" * 1000)
            (folder / "y").write_bytes(b"new" * 1000)
    code = 0
except FileError as error:
    named = error.filename == str(target) or error.filename.startswith(f"{target}/")
    code = 3 if error.errno and named and str(target) in str(error) else 4
sys.exit(code)
"""

CALLS = ["write", "fsync", "rename", "mkdir", "flock"]
ERRORS = ["ENOSPC", "EIO", "EDQUOT", "EMFILE", "EINTR"]


@pytest.fixture(scope="module")
def strace() -> str:
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed, so system calls cannot be made to fail")
    works = subprocess.run([path, "-qq", "-e", "trace=none", "true"], capture_output=True)
    if works.returncode:
        pytest.skip("strace may not trace here, so system calls cannot be made to fail")
    return path


def save_failing(strace: str, target: Path, what: str, call: str, error: str, number: int) -> int:
    inject = f"inject={call}:error={error}:when={number}"
    path = os.pathsep.join(filter(None, sys.path))
    tracer = [strace, "-qq", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    child = subprocess.run(
        [*tracer, sys.executable, "-c", SAVE, str(target), what],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode in (0, 3), child.stderr
    return child.returncode


@pytest.mark.parametrize("what", ["file", "directory"])
@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("fsync", "EIO"),
        *(pytest.param(call, error, marks=pytest.mark.exam) for call in CALLS for error in ERRORS),
    ],
)
def test_every_call_that_fails(
    tmp_path: Path, strace: str, what: str, call: str, error: str
) -> None:
    target = tmp_path / "a"
    data = target if what == "file" else target / "x"
    for number in range(1, 40):
        if what == "file":
            write_atomically(target, b"old")
        else:
            with DirectoryCommit(target, overwrite=True) as folder:
                (folder / "x").write_bytes(b"old")
        code = save_failing(strace, target, what, call, error, number)
        assert data.read_bytes() in (b"old", b"new" * 1000, b"new" * 3000)
        if code == 0:
            assert data.read_bytes() != b"old"
        if what == "directory":
            verify_manifest(target)
        assert os.listdir(tmp_path) == ["a"], f"left over after {call} number {number}"
        if code == 0 and number > 12:
            break
    sweep_stale(tmp_path)
