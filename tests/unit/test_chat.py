"""A conversation: what is remembered, the commands, and what a refusal leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from primetone.chat import Chat
from primetone.errors import ConfigError, TextError
from primetone.generation import SamplingConfig


class Parrot:
    """Says how much it was given, and remembers with which settings."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, SamplingConfig]] = []

    def __call__(self, prompt: str, settings: SamplingConfig) -> Iterator[str]:
        if "ŧ" in prompt:
            raise TextError("a character outside the alphabet")
        self.seen.append((prompt, settings))
        yield "one "
        yield "two"


def test_replies_are_remembered_until_reset() -> None:
    parrot = Parrot()
    chat = Chat(parrot, SamplingConfig(seed=7))
    assert list(chat.hear("hello")) == ["one ", "two"]
    assert list(chat.hear("again")) == ["one ", "two"]
    assert [prompt for prompt, _ in parrot.seen] == ["hello", "helloone two\nagain"]
    assert [settings.seed for _, settings in parrot.seen] == [7, 8]
    assert "forgotten" in "".join(chat.hear("/reset"))
    list(chat.hear("hello"))
    assert parrot.seen[-1] == parrot.seen[0]


def test_commands() -> None:
    parrot = Parrot()
    chat = Chat(parrot, SamplingConfig())
    assert "/temperature" in "".join(chat.hear("/help"))
    assert list(chat.hear("/temperature 0.25")) == ["(temperature 0.25)"]
    assert list(chat.hear("/seed 3")) == ["(seed 3)"]
    list(chat.hear("x"))
    assert parrot.seen[0][1] == SamplingConfig(temperature=0.25, seed=3)
    for line in ("/temperature", "/temperature cold", "/temperature -1", "/seed 1.5", "/bogus"):
        with pytest.raises(ConfigError):
            list(chat.hear(line))


def test_a_refused_line_changes_nothing() -> None:
    chat = Chat(Parrot(), SamplingConfig())
    list(chat.hear("hello"))
    before = chat.text
    with pytest.raises(TextError):
        list(chat.hear("ŧ"))
    assert chat.text == before


@pytest.mark.parametrize("line", ["quit", "exit", " Quit ", "/exit"])
def test_last_words(line: str) -> None:
    chat = Chat(Parrot(), SamplingConfig())
    assert list(chat.hear(line)) == []
    assert chat.is_over
