"""The characters of a corpus and their numbers."""

from __future__ import annotations

from collections.abc import Iterable


class Vocabulary:
    """The distinct characters of some texts, in code-point order.

    >>> Vocabulary(["<1+2=3>"]).encode("3+1")
    [4, 0, 2]
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.characters = "".join(sorted(set().union(*texts)))
        self._numbers = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The numbers of the characters. Raises ValueError for a character that is not in the vocabulary."""
        if unknown := sorted(set(text) - set(self.characters)):
            raise ValueError(f"character {unknown[0]!r} of {text!r} is not in the vocabulary {self.characters!r}")
        return [self._numbers[character] for character in text]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers of characters, the inverse of :meth:`encode`."""
        return "".join(self.characters[number] for number in numbers)
