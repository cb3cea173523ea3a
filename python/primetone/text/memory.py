"""How much memory: sizes as people write them, what this process may take, what it took."""

from __future__ import annotations

import contextlib
import os
import re
import resource
from pathlib import Path

from primetone import _rust_tok
from primetone.errors import ConfigError

__all__ = ["memory_limit", "parse_bytes", "peak_memory_bytes"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}


def parse_bytes(size: int | str | None) -> int | None:
    """2147483648, "2GiB", "500MB" or "64m" as a number of bytes; None stays None."""
    if size is None:
        return None
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return _in_range(size, size)
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]i?)?b?", str(size).strip().lower())
    if not isinstance(size, str) or found is None or float(found[1]) == 0:
        raise ConfigError(
            f"expected a number of bytes such as 2GiB, 500MB or 1000000000, found {size!r}"
        )
    return _in_range(int(float(found[1]) * (_UNITS | _BINARY_UNITS)[found[2] or ""]), size)


def _in_range(num_bytes: int, given: object) -> int:
    if num_bytes >= 1 << 63:
        raise ConfigError(f"expected fewer than 2^63 bytes of memory, found {given!r}")
    return num_bytes


def memory_limit(size: int | str | None) -> int | None:
    """The limit in bytes that ``size`` asks for; None is none.

    Where the address space of the process is itself limited (``ulimit -v``, RLIMIT_AS), half of
    what is left of it is the limit when ``size`` is None: memory that the system refuses in the
    middle of a computation could end the process. Threads then share one arena of the allocator,
    for the rest of the process: those of their own reserve much more than they use.

    Raises:
        ConfigError: no size, or one that this process may not take.
    """
    asked, left = parse_bytes(size), _address_space_left()
    if left is None:
        return asked
    _rust_tok.share_one_arena()
    if asked is None:
        return left // 2
    # allocators and threads reserve more than they use
    if asked > left * 3 // 4:
        raise ConfigError(
            f"a memory limit of {size} is more than this process may take: of the address space "
            f"that it is granted (ulimit -v), {left >> 20} MiB are left; give at most "
            f"{left * 3 // 4 >> 20}MiB, or grant more"
        )
    return asked


def _address_space_left() -> int | None:
    """In bytes; None where it is not limited, or not known."""
    granted, _ = resource.getrlimit(resource.RLIMIT_AS)
    if granted == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return max(granted - pages * resource.getpagesize(), 0)
    return None


def peak_memory_bytes() -> int:
    """The most memory in bytes that this process has had resident so far."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Linux: what getrusage says may be the peak of the process that started this one
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
