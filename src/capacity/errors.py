"""Errors that a user can put right: bad settings, damaged files, a missing device."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_MESSAGE = 1600
"""Characters of a message: it fits a screen of 24 lines."""
MOST_LINES = 12

TOO_LITTLE_MEMORY = (
    "there is too little memory for this job; run fewer jobs at a time (a smaller number after --cores), give it more "
    "memory, or choose a smaller batch or size"
)
WORDS_OF_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "out of memory",
    "Cannot allocate memory",
    "failed to map segment",
    "can't start new thread",
    "Failed to launch worker thread",
)
"""What torch, Arrow and the loader of shared libraries say when there is too little memory."""


class InputError(ValueError):
    """A setting, a file or a device cannot be used. The message names it and says what would be right.

    The message is shown as :func:`printable` returns it, whatever the name or value in it is.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ForeignFileError(InputError):
    """A file is whole, and is of another study, cell or run than its place says."""


class ConfigurationError(InputError):
    """A configuration that cannot be run; the message names the key, the value and what would be right."""


def some_of(names: Sequence[object], most: int = 3) -> str:
    """Return the first names of those that a message is about, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + rest


def printable(message: str) -> str:
    """Return a message that fits a screen and does nothing to a terminal.

    Characters that are not printed (control, invisible and direction-changing ones, and halves of surrogate pairs) are
    written as escapes. Of a long message the middle is left out, as the key is at its beginning and the remedy at its
    end.
    """
    lines = message.split("\n")
    if len(lines) > MOST_LINES:
        message = "\n".join([*lines[: MOST_LINES - 2], "...", lines[-1]])
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[: LONGEST_MESSAGE * 2 // 3]} ... {message[-LONGEST_MESSAGE // 4 :]}"
    if message.isascii() and message.isprintable():
        return message
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in message
    )


def is_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is too little memory, whatever its type.

    Libraries raise RuntimeError, ImportError, OSError or errors of their own for it. A file is not damaged then.
    """
    if isinstance(error, InputError):
        return False
    return isinstance(error, MemoryError) or any(words in str(error) for words in WORDS_OF_MEMORY)
