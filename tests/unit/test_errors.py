"""Errors: one root, the expected built-in beside it, and a text that is fit to be shown."""

from __future__ import annotations

import pickle

import pytest

from primetone import errors

BUILT_INS = {
    "ConfigError": ValueError,
    "FormatError": ValueError,
    "VocabularyError": ValueError,
    "UnknownTokenError": KeyError,
    "PatternError": ValueError,
    "TextError": ValueError,
    "StoreError": OSError,
    "RunError": OSError,
    "LostRankError": OSError,
    "DivergedError": ArithmeticError,
    "OutOfMemoryError": MemoryError,
    "FileError": OSError,
    "MissingExtraError": ImportError,
    "InternalError": RuntimeError,
}


def test_every_error_is_listed() -> None:
    assert {"Error", *BUILT_INS} == set(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_each_is_ours_shows_its_text_and_pickles(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.Error) and issubclass(kind, BUILT_INS.get(name, Exception))
    assert kind.__doc__
    error = kind("expected 'a', found \"b\"\n")
    assert str(error) == "expected 'a', found \"b\"\n"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error)


def test_file_error_keeps_number_and_name() -> None:
    error = errors.FileError("the disk is full", errno=28, filename="a.bin")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert (str(one), one.errno, one.filename) == ("the disk is full", 28, "a.bin")


def test_ctrl_c_is_never_one_of_ours() -> None:
    assert not issubclass(KeyboardInterrupt, errors.Error)
    assert issubclass(errors.UnknownTokenError, errors.VocabularyError)
