"""A process that converts files, each in a child of its own that the system keeps in bounds.

The limits are the kernel's: a timer that ends the child whatever it is doing, and a limit on its
address space. A document that hangs its reader, crashes it, or unpacks to more than there is room
for takes down that child and nothing else. This is a guard against bad luck and bombs, no sandbox
against a document that takes over its reader.

Requests and replies are lines of JSON on the standard streams. When the requests end, so does the
process, also in the middle of a file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from primetone.errors import Error
from primetone.text.ingestion.convert import Job, convert

__all__ = ["READY", "serve"]

READY = b"ready\n"
_CHUNK_BYTES = 1 << 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def serve() -> None:
    """Answer requests until there are no more."""
    # what every child would have to load: without it 2,000 small files took twice as long
    import primetone._rust_tok  # noqa: F401

    requests, replies = sys.stdin.buffer, sys.stdout.fileno()
    os.write(replies, READY)
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        if request["job"]["format"] == "pdf":  # once here instead of once in every child
            with contextlib.suppress(ImportError):
                import pypdfium2  # noqa: F401
        reply = _answer(request, requests.fileno())
        os.write(replies, json.dumps(reply).encode() + b"\n")


def _answer(request: Mapping[str, Any], requests: int) -> dict[str, Any]:
    """Convert in a child; its reply, or what is to be said of its end."""
    outcome, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(outcome)
        _convert_and_exit(request, writing)
    os.close(writing)
    reply = b""
    while True:
        # nothing is requested before the reply, so what comes there is the end
        ready, _, _ = select.select([outcome, requests], [], [])
        if requests in ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os._exit(0)
        chunk = os.read(outcome, _CHUNK_BYTES)
        if not chunk:
            break
        reply += chunk
    os.close(outcome)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"failure": _words_of(signal.Signals(os.WTERMSIG(status)), request)}
    if not reply:
        return {"failure": "its reader ended without a word: it is damaged or very large"}
    tree: dict[str, Any] = json.loads(reply)
    return tree


def _words_of(end: signal.Signals, request: Mapping[str, Any]) -> str:
    if end == signal.SIGALRM:
        return (
            f"reading it took longer than {request['max_seconds']:g} seconds: it is very large or "
            "made to hang its reader; allow more time if it is large"
        )
    return (
        f"its reader was ended by {end.name}: it is damaged, or needs more memory than the "
        f"{request['max_memory'] >> 20} MiB it may take"
    )


def _convert_and_exit(request: Mapping[str, Any], writing: int) -> NoReturn:
    code = 1
    try:
        _keep_in_bounds(request)
        reply = _convert(request)
        os.write(writing, json.dumps(reply).encode())
        code = 0
    finally:
        os._exit(code)


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    job = Job.of(request["job"])
    try:
        return {"tally": dataclasses.asdict(convert(job))}
    except MemoryError:
        return {
            "failure": f"it needs more memory than the {request['max_memory'] >> 20} MiB that "
            "reading one file may take: it is very large or a bomb; allow more if it is large"
        }
    except Error as error:
        said = str(error)  # of its own file, whose name is told anyway
        return {"failure": said.removeprefix(f"{job.path}: ").removeprefix(f"{job.path}, ")}
    except OSError as error:
        if error.errno in _FULL and error.filename != job.path:
            return {"full": error.errno}
        return {"failure": error.strerror or str(error)}
    except Exception as error:  # noqa: BLE001  whatever a reader stumbles over is told of its file
        return {"failure": f"its reader failed: {type(error).__name__}: {error}"}


def _keep_in_bounds(request: Mapping[str, Any]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the streams of the parent are its own; libraries may chatter
        os.dup2(null, stream)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, request["max_seconds"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = request["max_memory"]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
