"""The exceptions of primetone: one root, each error also the built-in a caller would expect."""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DivergedError",
    "Error",
    "FileError",
    "FormatError",
    "InternalError",
    "LostRankError",
    "MissingExtraError",
    "OutOfMemoryError",
    "PatternError",
    "RunError",
    "StoreError",
    "TextError",
    "UnknownTokenError",
    "VocabularyError",
]


class Error(Exception):
    """Root of every error that primetone raises on purpose; its text is meant for the user.

    Ctrl-C is never one of these: it stays a plain ``KeyboardInterrupt``.
    """

    # Without this, the OSError and KeyError parents would print "[Errno ..]" forms and reprs.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else type(self).__name__


class ConfigError(Error, ValueError):
    """A setting is unknown, of the wrong type, out of bounds, or contradicts another."""


class DivergedError(Error, ArithmeticError):
    """Training came to numbers that are not finite."""


class OutOfMemoryError(Error, MemoryError):
    """A model or its batch does not fit into memory; the text says what would."""


class FormatError(Error, ValueError):
    """A file is damaged or is not what its place or name says it is."""


class VocabularyError(Error, ValueError):
    """A vocabulary cannot be built or used as asked."""


class UnknownTokenError(VocabularyError, KeyError):
    """A token, id or special name that the vocabulary does not hold."""


class PatternError(Error, ValueError):
    """A split scheme is unknown, or a custom pattern cannot be compiled."""


class TextError(Error, ValueError):
    """Text cannot be used: missing, empty, too short, undecodable, or with an unknown character."""


class StoreError(Error, OSError):
    """A token store is damaged, belongs to another tokenizer, or cannot be opened."""


class RunError(Error, OSError):
    """A run directory or a checkpoint is missing, damaged, incomplete or in the way."""


class LostRankError(RunError):
    """Another process of a training on several ended; the message of that one says why."""


class FileError(Error, OSError):
    """The operating system refused to read or write; ``errno`` and ``filename`` say what and where.

    Raise it as ``FileError(message, errno=28, filename="x")``: the message comes first, as in every
    other error here, and the two attributes stay available to callers.
    """

    def __init__(
        self, message: str = "", *, errno: int | None = None, filename: str | None = None
    ) -> None:
        super().__init__(message)
        self.errno = errno
        self.filename = filename

    # The default of OSError would call the constructor with positional errno and filename.
    def __reduce__(self) -> tuple[object, ...]:
        return (_restore_file_error, (self.args[0], self.errno, self.filename))


class MissingExtraError(Error, ImportError):
    """An optional part needs a package that is missing; the text says which extra brings it."""


class InternalError(Error, RuntimeError):
    """A bug in primetone, never the fault of the input: please report it with the text shown."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's error, torch's own on a GPU, its RuntimeError on a CPU.

    torch is known by its words, for it is not imported where errors are told.
    """
    names = (kind.__name__ for kind in type(error).__mro__)
    return (
        isinstance(error, MemoryError)
        or "OutOfMemoryError" in names
        or "DefaultCPUAllocator" in str(error)
    )


def _restore_file_error(message: str, errno: int | None, filename: str | None) -> FileError:
    return FileError(message, errno=errno, filename=filename)
