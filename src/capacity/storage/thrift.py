"""The compact protocol of Thrift, in which Parquet writes its footer and the headers of its pages.

Only what it takes to count what a file claims to hold before a library allocates memory for it. Whatever is read is
counted, so that a short text that stands for many values is refused while it is read.
"""

from __future__ import annotations

from typing import Any

DEEPEST = 12
"""Structures within structures: Parquet has eight."""
LONGEST_VARINT = 10
"""Bytes of an integer of 64 bits, seven bits in each."""

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
INTEGERS = (4, 5, 6)


class Reader:
    """Reads structures from bytes, one after the other.

    Args:
        data: the bytes.
        place: where the first structure begins.
        values: the most values that are read in all; more raise ValueError.
    """

    def __init__(self, data: memoryview, place: int, values: int) -> None:
        self._data = data
        self.end = len(data)
        self.place = place
        self.values = values

    def structure(self, depth: int = 0) -> dict[int, Any]:
        """Return a structure by the numbers of its fields; texts as their bytes.

        Raises ValueError if it is cut off, too deep, or has too many values.
        """
        self._check_depth(depth)
        fields: dict[int, Any] = {}
        number = 0
        while header := self._byte():
            number = number + (header >> 4) if header >> 4 else self._integer()
            kind = header & 15
            self._count()
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)
        return fields

    def _count(self) -> None:
        self.values -= 1
        if self.values < 0:
            raise ValueError("it describes more values than are expected")

    def _check_depth(self, depth: int) -> None:
        if depth > DEEPEST:
            raise ValueError("structures lie too deep within one another")

    def _elements(self, kinds: tuple[int, ...], size: int, depth: int) -> list[Any]:
        self._check_depth(depth)
        elements = []
        for _ in range(size):
            self._count()
            elements.append([self._value(kind, depth + 1) for kind in kinds])
        return elements

    def _value(self, kind: int, depth: int) -> Any:
        if kind in INTEGERS:
            return self._integer()
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == STRUCT:
            return self.structure(depth + 1)
        if kind in (LIST, SET):
            header = self._byte()
            size = header >> 4 if header >> 4 < 15 else self._varint()
            return [value for (value,) in self._elements((header & 15,), size, depth)]
        if kind == MAP:
            size = self._varint()
            kinds = self._byte() if size else 0
            return self._elements((kinds >> 4, kinds & 15), size, depth)
        if kind in (TRUE, FALSE, BYTE):  # within a list a truth value takes a byte
            return self._byte()
        if kind == DOUBLE:
            return self._bytes(8)
        raise ValueError(f"there is no type {kind}")

    def _byte(self) -> int:
        if self.place >= self.end:
            raise ValueError("the text is cut off")
        self.place += 1
        return self._data[self.place - 1]

    def _bytes(self, length: int) -> bytes:
        found = bytes(self._data[self.place : self.place + length])
        if len(found) < length:
            raise ValueError("the text is cut off")
        self.place += length
        return found

    def _varint(self) -> int:
        value = 0
        for position in range(LONGEST_VARINT):
            byte = self._byte()
            value |= (byte & 127) << (7 * position)
            if byte < 128:
                return value
        raise ValueError("an integer is too long")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
