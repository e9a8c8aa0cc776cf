"""Bounds on Parquet files: what a file claims to hold is counted before a library makes room for it.

A file of some megabytes can claim thousands of gigabytes: by compression, by a repeated text, by values that are
described and not written, by a footer that says other than its pages. So the footer and the header of every page are
read here first, and only what :mod:`capacity.storage.parquet` writes is let through: flat columns of plain or
dictionary-coded values, of no more rows, columns and bytes than the reader expects.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from capacity.storage.thrift import Reader

MAGIC = b"PAR1"
BYTES_PER_VALUE = 16
TEXT_PER_ROW = 2048
"""Bytes of the texts of a row, such as the name of a cell and how it departs from the paper: some 200 bytes each."""
BYTES_PER_FILE = 2**20
FOOTER_BYTES_PER_JOB = 2**11
"""The record of where the runs of a job come from (500 bytes), and its share of the descriptions of row groups."""

# How Parquet numbers what it holds (parquet.thrift in the repository apache/parquet-format).
TEXT, FIXED = 6, (0, 1, 2, 4, 5)
"""Types of columns: texts; truth values, integers and numbers of 32 and 64 bits."""
WIDEST = 8
"""Bytes of the widest value that is not a text."""
REPEATED = 2
"""A column of lists."""
CONTENT = {0: (5, 2), 2: (7, 2), 3: (8, 4)}
"""Kinds of pages (values, a dictionary, values in the second form): the field of the header that is about the content,
and the field of that which says how values are coded."""
CODINGS = (0, 2, 3, 8)
"""Plain, run lengths and dictionaries: what is written here, and nothing that repeats parts of texts."""


@dataclass(frozen=True)
class Bounds:
    """The most that a Parquet file may hold.

    Attributes:
        rows: of the table.
        columns: of the table.
        bytes: of all values, on the disk and in memory.
        footer: bytes of the description of the file, which holds its provenance.
    """

    rows: int
    columns: int
    bytes: int
    footer: int

    @property
    def values(self) -> int:
        """The most values in the footer, and in the headers of all pages; a footer here has some 60 bytes for each."""
        return self.footer // 32


def expected(rows: int, columns: int, jobs: int = 1, text_per_row: int = TEXT_PER_ROW, text: int = 0) -> Bounds:
    """Return the bounds of a table of which the size is known.

    Args:
        rows: the most rows.
        columns: the most columns.
        jobs: the training jobs of which the provenance of the table says where they come from.
        text_per_row: bytes of all texts of a row.
        text: bytes of texts that grow with something else than the rows.
    """
    size = BYTES_PER_FILE + rows * (columns * BYTES_PER_VALUE + text_per_row) + text
    return Bounds(rows, columns, size, BYTES_PER_FILE + jobs * FOOTER_BYTES_PER_JOB)


UNKNOWN = Bounds(rows=5 * 10**6, columns=1_000, bytes=2**28, footer=2**23)
"""The bounds of a file of which nothing is known: about a hundred times the tables of the largest budget."""


LARGE = Bounds(rows=10**8, columns=1_000, bytes=2**34, footer=2**26)
"""The bounds where whole folders of results are compared, of any study that a machine can hold."""


class BoundsError(ValueError):
    """A file that claims to hold more than its bounds, or holds what this workflow does not write."""


def check(file: BinaryIO, bounds: Bounds) -> list[str]:
    """Check that a file is a Parquet file within bounds, by its footer and the headers of all of its pages.

    Returns the names of the columns with texts, of which a short file may repeat a long one. Raises BoundsError, or
    ValueError if it is not a whole Parquet file.
    """
    data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        return _check(data, bounds)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError("its footer or a header lacks what it has to say") from error


def _check(data: memoryview, bounds: Bounds) -> list[str]:
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise ValueError("it does not begin and end as one")
    length = int.from_bytes(data[-8:-4], "little")
    if length > len(data) - 12:
        raise ValueError("its footer is cut off")
    limit("bytes in its footer", length, bounds.footer)
    end = len(data) - 8 - length
    footer = Reader(data[: len(data) - 8], end, bounds.values).structure()
    columns, groups = footer[2][1:], footer[4]
    limit("columns", len(columns), bounds.columns)
    for column in columns:
        if column.get(5) or column.get(3) == REPEATED or column[1] not in (*FIXED, TEXT):
            raise BoundsError(f"its column {_name(column)[:40]!r} is neither a number, a truth value nor a text")
    limit("rows", max(footer[3], sum(group[3] for group in groups)), bounds.rows)
    pages = Reader(data[:end], 0, bounds.values)
    total = 0
    for group in groups:
        if len(group[1]) != len(columns):
            raise BoundsError("its row groups are not whole columns of one length")
        for chunk in group[1]:
            total += _chunk_bytes(pages, chunk, group[3])
            limit("bytes", total, bounds.bytes)
    return [_name(column) for column in columns if column[1] == TEXT]


def _chunk_bytes(pages: Reader, chunk: dict[int, Any], rows: int) -> int:
    """Return the bytes of one column in one row group: as stored, unpacked, and as values of a fixed width."""
    about = chunk[3]
    if 1 in chunk or rows < 0 or about[5] != rows:
        raise BoundsError("its row groups are not whole columns of one length")
    place, packed = about[9], about[7]
    if not rows:
        return max(int(packed), 0)  # a column without values says of no place where they would be, and no page is read
    if 0 < about.get(11, 0) < place:
        place = about[11]
    if place < 4 or packed < 0 or place + packed > pages.end:
        raise ValueError("a column lies outside of it")
    return int(packed + sum(_page_sizes(pages, place, place + packed, rows)) + WIDEST * rows)


def _page_sizes(pages: Reader, place: int, end: int, rows: int) -> Iterator[int]:
    """Yield the unpacked bytes of each page of a column. Raises BoundsError for what is not written by this package."""
    pages.place = place
    while pages.place < end:
        header = pages.structure()
        kind, unpacked, packed = header[1], header[2], header[3]
        if unpacked < 0 or packed < 0 or kind not in CONTENT:
            raise BoundsError("it has a page of an unknown kind or of a negative size")
        content, coding = CONTENT[kind]
        about = header[content]
        if about[coding] not in CODINGS or not 0 <= about[1] <= max(rows, 1):
            raise BoundsError("a page has more values than rows, or a coding that is not used here")
        pages.place += packed
        yield unpacked
    if pages.place != end:
        raise ValueError("a page is cut off")


def _name(column: dict[int, Any]) -> str:
    return bytes(column[4]).decode()


def limit(what: str, found: int, most: int) -> None:
    """Raise BoundsError if a file has more of something than is expected."""
    if found > most:
        raise BoundsError(f"it claims {found:,} {what}, more than the {most:,} that there may be")
