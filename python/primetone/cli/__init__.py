"""The command line: parses, runs one verb, and turns whatever happens into one message and a code.

Exit codes: 0 done, 1 an error (one line on stderr), 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

DONE, FAILED, USAGE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
TRACEBACK_VARIABLE = "PRIMETONE_TRACEBACK"

# How often an idle OpenMP thread of torch looks for work before it sleeps. Measured on 2 cores,
# steps of the demo in 8 s, alone: 152 with the default of 300000, 154 with 10000. Beside two busy
# programs: 5 in 10 s with the default, which spins away its share of the cores, 58 in 8 s with
# 10000. Read once by libgomp, so it has to be set before torch is imported.
SPIN_VARIABLE, SPIN_COUNT = "GOMP_SPINCOUNT", "10000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (those of the process when None); the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_missing_streams()
    with contextlib.suppress(ValueError):  # not the main thread: its owner handles signals
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
    try:
        code = _run(words)
        _flush()
    except KeyboardInterrupt:
        _complain("interrupted")
        code = INTERRUPTED
    except SystemExit as stop:
        # ours; any other is a printer's whose reader has seen enough
        code = TERMINATED if stop.code == TERMINATED else DONE
        with contextlib.suppress(OSError):
            _flush()
    except BrokenPipeError:
        code = DONE  # the reader has seen enough
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        code = _explain(error)
    _abandon_broken_stdout()
    return code


def _run(words: list[str]) -> int:
    if words == ["--version"]:  # without waiting for the parser and NumPy
        from primetone import __version__

        print(f"primetone {__version__}")
        return DONE
    os.environ.setdefault(SPIN_VARIABLE, SPIN_COUNT)
    import cyclopts

    from primetone.cli.app import build_app
    from primetone.cli.console import UsageError

    try:
        build_app()(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (cyclopts.CycloptsError, UsageError) as error:
        is_verb = not isinstance(error, cyclopts.UnknownCommandError)
        verb = words[0] if words and words[0].replace("-", "").isalpha() and is_verb else ""
        help_line = f"primetone {verb} --help" if verb[:1].isalpha() else "primetone --help"
        _complain(f"{_one_line(error)} (see {help_line})")
        return USAGE
    return DONE


def _explain(error: Exception) -> int:
    """One line about an error; a bug of ours says that it is one."""
    from primetone import explain_missing
    from primetone.cli.console import process_number
    from primetone.errors import (
        ConfigError,
        Error,
        InternalError,
        LostRankError,
        is_out_of_memory,
    )

    if process_number() and isinstance(error, ConfigError | LostRankError):
        return FAILED  # the first of several processes says it, or the one that ended them

    if isinstance(error, ModuleNotFoundError):
        error = explain_missing(error)
    ours = isinstance(error, Error) and not isinstance(error, InternalError)
    if ours or isinstance(error, MemoryError):
        _complain(_one_line(error) or "out of memory")
    elif isinstance(error, OSError) and error.strerror:
        # our own files come with their names: what is left without one is the standard output
        where = "cannot write the output" if error.filename is None else error.filename
        _complain(f"{where}: {error.strerror}")
    elif is_out_of_memory(error):
        _complain(
            "the model or its batch does not fit into memory: lower train.batch_size, "
            f"model.context or model.width ({_one_line(error)[:200]})"
        )
    else:
        _complain(
            f"a bug in primetone, please report it: {type(error).__name__}: {_one_line(error)} "
            f"(set {TRACEBACK_VARIABLE}=1 for the traceback)"
        )
    return FAILED


def _complain(message: str) -> None:
    number = os.environ.get("RANK", "0")
    if message == "interrupted" and number != "0":
        return
    who = "primetone" if number == "0" else f"primetone, process {number}"
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{who}: {'' if message == 'interrupted' else 'error: '}{message}\n")
        sys.stderr.flush()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    _leave_if_importing(frame, TERMINATED)
    raise SystemExit(TERMINATED)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    _leave_if_importing(frame, INTERRUPTED)
    raise KeyboardInterrupt


def _leave_if_importing(frame: FrameType | None, code: int) -> None:
    """While a module is imported an exception may be lost in its `try: import`, so end at once.

    What is being written then is left as a kill would leave it: the old version, or the new one.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            if code == INTERRUPTED:
                _complain("interrupted")
            os._exit(code)
        frame = frame.f_back


def _open_missing_streams() -> None:
    """Where a standard stream was closed, its number must not go to the next file opened."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    with contextlib.suppress(AttributeError, OSError):  # a file name need not be valid text
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _flush() -> None:
    sys.stdout.flush()


def _abandon_broken_stdout() -> None:
    """What could not be written must not be tried again, with a traceback, when Python ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, sys.stdout.fileno())
            os.close(sink)
