"""Talking with a run: the text so far, the commands, and replies that come as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, final

from primetone.config import decode, encode
from primetone.errors import ConfigError
from primetone.generation import SamplingConfig

HELP = """\
What you type is continued; the model sees as much of the conversation as its context holds.
/reset           forget the conversation
/temperature X   how freely to choose: 0 always takes the likeliest
/seed N          the same seed and words give the same replies
/help            this text
quit or exit     end (Ctrl-D, too)"""

LAST_WORDS = ("quit", "exit", "/quit", "/exit")


class Speaker(Protocol):
    """What a conversation needs of a run: text after a prompt, in pieces."""

    def __call__(self, prompt: str, settings: SamplingConfig, /) -> Iterator[str]: ...


@final
class Chat:
    """One conversation. `hear` takes a line and gives the pieces of what there is to say."""

    def __init__(self, speak: Speaker, settings: SamplingConfig) -> None:
        self.speak = speak
        self.settings = settings
        self.text = ""
        """All that was said, by both."""
        self.turn = 0
        self.is_over = False
        self._commands: dict[str, Callable[[str], str]] = {
            "/help": lambda _: HELP,
            "/reset": self._reset,
            "/temperature": self._set("temperature"),
            "/seed": self._set("seed"),
        }

    def hear(self, line: str) -> Iterator[str]:
        """Pieces of the reply to a line, or of a command's answer.

        Errors: ConfigError for a command that is none, TextError for characters that the model
        does not know; the conversation is then as it was before.
        """
        words = line.split()
        if line.strip().casefold() in LAST_WORDS:
            self.is_over = True
            return
        if words and words[0].startswith("/"):
            yield self._command(words)
            return
        prompt = self.text + line
        # Each turn draws with a seed of its own: the same question need not get the same answer.
        settings = replace(self.settings, seed=self.settings.seed + self.turn)
        reply = ""
        for piece in self.speak(prompt, settings):
            reply += piece
            yield piece
        self.text = f"{prompt}{reply}\n"
        self.turn += 1

    def _command(self, words: list[str]) -> str:
        command = self._commands.get(words[0])
        if command is None:
            known = ", ".join(self._commands)
            raise ConfigError(f"expected one of {known}, found {words[0]!r}: /help explains them")
        return command(" ".join(words[1:]))

    def _reset(self, _: str) -> str:
        self.text, self.turn = "", 0
        return "(forgotten)"

    def _set(self, name: str) -> Callable[[str], str]:
        def change(value: str) -> str:
            number = _number(value)
            if number is None:
                raise ConfigError(f"/{name} expects a number, found {value!r}: such as /{name} 1")
            tree = {**encode(self.settings), name: number}
            self.settings = decode(SamplingConfig, tree)
            self.turn = 0
            return f"({name} {getattr(self.settings, name):g})"

        return change


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
