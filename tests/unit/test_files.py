"""Crash-safe files and directories: old or new after any failure, never a mix, no leftovers."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from primetone import files
from primetone.errors import FileError, FormatError
from primetone.files import (
    DirectoryCommit,
    remove_directory,
    sweep_stale,
    verify_manifest,
    write_atomically,
)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# --- one file ---


def test_writes_whole_bytes_and_pieces(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    write_atomically(tmp_path / "b", (piece for piece in (b"o", b"", b"ne")))
    write_atomically(tmp_path / "a", bytearray(b"two"))
    assert (tmp_path / "a").read_bytes() == b"two"
    assert (tmp_path / "b").read_bytes() == b"one"
    assert names(tmp_path) == ["a", "b"]


def test_the_file_behind_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/a")
    (tmp_path / "chain").symlink_to("link")
    for text in (b"new", b"newer"):
        write_atomically(tmp_path / "chain", text)
        assert (tmp_path / "far" / "a").read_bytes() == text
    assert (tmp_path / "chain").is_symlink() and (tmp_path / "link").is_symlink()
    (tmp_path / "dangling").symlink_to("far/b")
    write_atomically(tmp_path / "dangling", b"made")
    assert names(tmp_path / "far") == ["a", "b"]
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileError, match="links"):
        write_atomically(tmp_path / "loop", b"")


@pytest.mark.skipif(not os.path.exists("/proc/self/fd/1"), reason="no /proc here")
def test_a_link_to_what_is_open_is_no_place(tmp_path: Path) -> None:
    path = tmp_path / "open"
    with path.open("wb") as file:
        link = tmp_path / "stdout"  # as /dev/stdout is one
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in (link, Path(f"/proc/self/fd/{file.fileno()}")):
            with pytest.raises(FileError, match="a device or a pipe"):
                write_atomically(name, b"data")
        assert link.is_symlink() and path.read_bytes() == b""


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_longest_possible_name(tmp_path: Path) -> None:
    name = "é" * 127 + "x"  # 255 bytes
    write_atomically(tmp_path / name, b"x")
    assert names(tmp_path) == [name]


def test_an_error_in_the_pieces_keeps_the_old_file(tmp_path: Path) -> None:
    def pieces():
        yield b"new"
        raise KeyboardInterrupt

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", pieces())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"the folder .*nowhere does not exist") as caught:
        write_atomically(tmp_path / "nowhere" / "a", b"x")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename.endswith("nowhere/a")


def test_devices_and_directories_are_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="a directory"):
        write_atomically(tmp_path, b"x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="a device or a pipe"):
        write_atomically(tmp_path / "pipe", b"x")


STEPS = ["os.write", "os.fsync", "os.replace", "os.close"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_each_failing_step_is_told_and_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    real = getattr(os, step[3:])
    failures = [OSError(code, os.strerror(code))]

    def fail(*arguments, **named):
        if failures:
            raise failures.pop()
        return real(*arguments, **named)

    monkeypatch.setattr(step, fail)
    with pytest.raises(FileError) as caught:
        write_atomically(target, b"n" * 1234)
    monkeypatch.undo()
    assert caught.value.errno == code
    assert str(target) in str(caught.value)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]
    if code != errno.EIO:
        assert "1,234 bytes needed" in str(caught.value)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"


def test_interrupted_and_short_calls_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, replace, calls = os.write, os.replace, []

    def write_short(descriptor: int, data: memoryview) -> int:
        return write(descriptor, data[:3])

    def replace_interrupted(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) < 3:
            raise InterruptedError(errno.EINTR, "interrupted")
        replace(source, target)

    monkeypatch.setattr(os, "write", write_short)
    monkeypatch.setattr(os, "replace", replace_interrupted)
    write_atomically(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"
    assert len(calls) == 3


def test_file_is_synced_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    fsync, replace = os.fsync, os.replace

    def record_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("sync folder" if is_folder else "sync file")
        fsync(descriptor)

    def record_rename(source: Path, target: Path) -> None:
        order.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_rename)
    write_atomically(tmp_path / "a", b"x")
    assert order == ["sync file", "rename", "sync folder"]


LIMITED = """
import resource, sys
from primetone.errors import FileError
from primetone.files import DirectoryCommit, write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    if sys.argv[2] == "file":
        write_atomically(sys.argv[1] + "/a", b"n" * 10_000)
    else:
        with DirectoryCommit(sys.argv[1] + "/a", overwrite=True) as folder:
            with open(folder / "big", "wb", buffering=0) as file:
                for _ in range(10):
                    file.write(b"n" * 1000)
except FileError as error:
    print(error.errno, error)
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_size_limit_of_the_process(tmp_path: Path, child_python, what: str) -> None:
    if what == "file":
        (tmp_path / "a").write_bytes(b"old")
    else:
        with DirectoryCommit(tmp_path / "a") as folder:
            (folder / "big").write_bytes(b"old")
    out, err = child_python(LIMITED, str(tmp_path), what).communicate()
    assert out.startswith(f"{errno.EFBIG} cannot write {tmp_path}/a: "), (out, err)
    assert "ulimit -f" in out and (what == "directory" or "10,000 bytes needed" in out)
    assert names(tmp_path) == ["a"]
    if what == "file":
        assert (tmp_path / "a").read_bytes() == b"old"
    else:
        verify_manifest(tmp_path / "a")


KILLED = """
import sys
from pathlib import Path
from primetone.files import DirectoryCommit, write_atomically
root, what = Path(sys.argv[1]), sys.argv[2]
for number in range(1_000_000):
    fill = bytes([number % 256])
    if what == "file":
        write_atomically(root / "a", (fill * 4096 for _ in range(64)))
    else:
        with DirectoryCommit(root / "a", overwrite=True) as folder:
            for name in ("x", "y"):
                (folder / name).write_bytes(fill * 65536)
    if number == 0:
        print("ready", flush=True)
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_kill_leaves_old_or_new_and_the_next_start_sweeps(
    tmp_path: Path, child_python, what: str
) -> None:
    target = tmp_path / "a"
    chance = random.Random(7)
    for _ in range(12):
        child = child_python(KILLED, str(tmp_path), what)
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.01, 0.08))
        child.send_signal(signal.SIGKILL)
        child.wait()
        if what == "file":
            data = target.read_bytes()
            assert len(data) == 4096 * 64 and len(set(data)) == 1
        else:
            sweep_stale(tmp_path)
            verify_manifest(target)
            assert (target / "x").read_bytes() == (target / "y").read_bytes()
    sweep_stale(tmp_path)
    assert names(tmp_path) == ["a"]


# --- sweeping ---


def test_sweep_takes_only_dead_temporaries_of_ours(tmp_path: Path) -> None:
    for name in (".a.99999.tmp", ".b.12.tmp", ".hidden", "c.12.tmp", ".d.tmp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".e.7-2.tmp").mkdir()
    (tmp_path / ".e.7-2.tmp" / "inside").write_bytes(b"")
    assert [path.name for path in sweep_stale(tmp_path, name="b")] == [".b.12.tmp"]
    assert [path.name for path in sweep_stale(tmp_path)] == [".a.99999.tmp", ".e.7-2.tmp"]
    assert names(tmp_path) == [".d.tmp", ".hidden", "c.12.tmp"]
    assert sweep_stale(tmp_path / "nowhere") == []


def test_sweep_leaves_a_living_writer_alone(tmp_path: Path) -> None:
    with DirectoryCommit(tmp_path / "a") as folder:
        assert sweep_stale(tmp_path) == []
        assert folder.is_dir()

    def pieces():
        assert sweep_stale(tmp_path) == []
        yield b"x"

    write_atomically(tmp_path / "b", pieces())
    assert names(tmp_path) == ["a", "b"]


def test_threads_may_write_the_same_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        written = [bytes([number]) * 10_000 for number in range(64)]
        list(pool.map(lambda data: write_atomically(tmp_path / "a", data), written))
    assert (tmp_path / "a").read_bytes() in written
    assert names(tmp_path) == ["a"]


def test_our_own_stale_name_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".a.{os.getpid()}.tmp").write_bytes(b"from a process that had our id")
    write_atomically(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_a_replacement_that_never_arrived_is_put_back(tmp_path: Path) -> None:
    with DirectoryCommit(tmp_path / "a") as folder:
        (folder / "x").write_bytes(b"old")
    (tmp_path / "a").rename(tmp_path / ".a.5.old")
    sweep_stale(tmp_path)
    verify_manifest(tmp_path / "a")
    assert names(tmp_path) == ["a"]


# --- directories ---


def test_directory_appears_complete_with_its_manifest(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a"
    with DirectoryCommit(target) as folder:
        (folder / "x").write_bytes(b"1")
        (folder / "sub").mkdir()
        (folder / "sub" / "y").write_bytes(b"22")
        assert not target.exists()
    assert names(target) == ["manifest.json", "sub", "x"]
    verify_manifest(target)
    (target / ".DS_Store").write_bytes(b"not ours, ignored")
    verify_manifest(target)


def test_a_removal_cut_short_leaves_only_what_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DirectoryCommit(tmp_path / "a") as folder:
        (folder / "x").write_bytes(b"1")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        remove_directory(tmp_path / "a")
    assert names(tmp_path) == [f".a.{os.getpid()}.tmp"]
    sweep_stale(tmp_path)
    assert names(tmp_path) == []
    with pytest.raises(FileError, match="cannot remove"):
        remove_directory(tmp_path / "a")


def test_directory_is_removed_on_error(tmp_path: Path) -> None:
    def interrupted() -> None:
        with DirectoryCommit(tmp_path / "a") as folder:
            (folder / "x").write_bytes(b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_full_disk_of_a_foreign_writer_becomes_our_error(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with (
        pytest.raises(FileError, match="the disk is full; free some space"),
        DirectoryCommit(target),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), DirectoryCommit(target):
        (tmp_path / "not there").read_bytes()
    with pytest.raises(FileError) as caught, DirectoryCommit(target) as folder:
        write_atomically(folder / "missing" / "x", b"")
    assert f"cannot write {target}/missing/x" in str(caught.value)
    assert caught.value.filename == f"{target}/missing/x"
    assert names(tmp_path) == []


def test_existing_directory_is_refused_or_replaced(tmp_path: Path) -> None:
    def commit(text: bytes, *, overwrite: bool) -> None:
        with DirectoryCommit(tmp_path / "a", overwrite=overwrite) as folder:
            (folder / "x").write_bytes(text)

    commit(b"1", overwrite=False)
    with pytest.raises(FileError, match="exists already"):
        commit(b"2", overwrite=False)
    assert (tmp_path / "a" / "x").read_bytes() == b"1"
    commit(b"3", overwrite=True)
    assert (tmp_path / "a" / "x").read_bytes() == b"3"
    assert names(tmp_path) == ["a"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="not a directory"), DirectoryCommit(tmp_path / "file"):
        pass


@pytest.mark.parametrize("step", ["os.fsync", "os.rename"])
def test_failing_commit_keeps_the_old_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def commit(text: bytes) -> None:
        with DirectoryCommit(tmp_path / "a", overwrite=True) as folder:
            (folder / "x").write_bytes(text)

    commit(b"old")
    real = getattr(os, step[3:])
    for point in range(1, 40):
        calls = []

        def fail(*arguments, point=point, calls=calls, **named):
            calls.append(arguments)
            if len(calls) == point:
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments, **named)

        monkeypatch.setattr(step, fail)
        try:
            commit(b"new")
        except FileError as error:
            assert error.errno == errno.EIO
        finally:
            monkeypatch.undo()
        verify_manifest(tmp_path / "a")
        assert (tmp_path / "a" / "x").read_bytes() in (b"old", b"new")
        if len(calls) < point:
            break
    assert names(tmp_path) == ["a"]


def test_any_change_is_noticed(tmp_path: Path) -> None:
    with DirectoryCommit(tmp_path / "a") as folder:
        (folder / "x").write_bytes(b"some content")
    for file in ("x", "manifest.json"):
        path = tmp_path / "a" / file
        good = path.read_bytes()
        for bit in range(len(good) * 8):
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bad)
            with pytest.raises(FormatError, match=file):
                verify_manifest(tmp_path / "a")
        for length in range(len(good) - (file == "manifest.json")):  # its last byte is a newline
            path.write_bytes(good[:length])
            with pytest.raises(FormatError, match=file):
                verify_manifest(tmp_path / "a")
        path.unlink()
        with pytest.raises(FormatError, match=file):
            verify_manifest(tmp_path / "a")
        path.write_bytes(good)
    verify_manifest(tmp_path / "a")
    (tmp_path / "a" / "x").unlink()
    (tmp_path / "a" / "x").symlink_to(tmp_path / "a" / "manifest.json")
    with pytest.raises(FormatError, match="regular file"):
        verify_manifest(tmp_path / "a")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "", ".", "a\\b", "c:x", 3])
def test_manifest_names_stay_inside(tmp_path: Path, name: object) -> None:
    from primetone._rust_tok import blake3_hex

    entries = [{"blake3": "", "name": name, "size": 0}]
    tree = {
        "format": "primetone-manifest",
        "version": 1,
        "files": entries,
        "blake3": blake3_hex(json.dumps(entries, sort_keys=True).encode()),
    }
    files.write_json(tmp_path / "manifest.json", tree)
    with pytest.raises(FormatError, match="its entries are not names"):
        verify_manifest(tmp_path)


# --- JSON ---


def test_json_round_trip(tmp_path: Path) -> None:
    tree = {"é": [1, 2.5, None, True, "\u2028\x00"], "name": os.fsdecode(b"\xff")}
    files.write_json(tmp_path / "a.json", tree)
    assert files.read_json(tmp_path / "a.json") == tree
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": 1} x', "Extra data at line 1, column 10"),
        (b'{"a": {"b": 1, "b": 2}}', 'the key "b" appears twice'),
        (b"[NaN]", "found NaN"),
        (b'{"a": "\xff"}', "found byte 0xff at offset 7"),
        (b"[" * 200_000, "nested too deeply"),
        (b"1" * 5000, "digits"),
    ],
)
def test_bad_json_is_explained(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(FormatError, match=message) as caught:
        files.read_json(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in str(caught.value)


def test_json_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no such file"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"1234")
    with pytest.raises(FormatError, match="at most 3 bytes, found 4"):
        files.read_json(tmp_path / "a.json", max_bytes=3)
