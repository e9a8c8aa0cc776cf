"""Forged Parquet files are refused before they take time or memory, each in a process that is measured.

A file of some kilobytes can claim thousands of gigabytes in many ways; there is one file for each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capacity.errors import InputError
from capacity.storage import parquet
from capacity.storage.parquet_bounds import UNKNOWN, expected
from capacity.storage.thrift import Reader

FEW = expected(rows=1_000, columns=20)
"""What a stage expects that reads a table of a small job."""
MOST_SECONDS, MOST_MB = 2.0, 500.0
READ = """
import json, pathlib, re, sys, time
from capacity.errors import InputError
from capacity.storage import parquet
from capacity.storage.parquet_bounds import UNKNOWN, expected
bounds = {"few": expected(rows=1_000, columns=20), "unknown": UNKNOWN}[sys.argv[2]]
start = time.process_time()
try:
    parquet.read_parquet(sys.argv[1], bounds)
    said = ""
except InputError as error:
    said = str(error)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1000
print(json.dumps([said, time.process_time() - start, peak]))
"""


def pieces(path, piece, number, **options):
    with pq.ParquetWriter(path, piece.schema, compression="zstd", **options) as writer:
        for _ in range(number):
            writer.write_table(piece)


def compressed(path):
    """The one that was found: 3 MB that were 5 GB of zeros."""
    pieces(path, pa.table({"x": numpy.zeros(10**7, "<i8")}), 60, use_dictionary=False)


def repeated_text(path):
    """A text of 100,000 characters in the dictionary, 100,000 times: 10 GB from 700 bytes."""
    text = pa.DictionaryArray.from_arrays(numpy.zeros(10**5, "<i4"), ["a" * 10**5])
    pq.write_table(pa.table({"x": text}), path, compression="zstd", store_schema=False)


def few_rows_of_long_texts(path):
    """Within the rows that are expected."""
    text = pa.DictionaryArray.from_arrays(numpy.zeros(900, "<i4"), ["a" * 10**6])
    pq.write_table(pa.table({"x": text}), path, compression="zstd", store_schema=False)


def nothing_but_missing_values(path):
    columns = {f"x{number}": pa.nulls(10**6, pa.int64()) for number in range(60)}
    pq.write_table(pa.table(columns), path, compression="zstd")


def row_groups(path):
    pieces(path, pa.table({"x": [1]}), 40_000)


def columns(path):
    pq.write_table(pa.table({f"x{number}": [1] for number in range(20_000)}), path)


def long_footer(path):
    with pq.ParquetWriter(path, pa.schema([("x", pa.int64())])) as writer:
        writer.add_key_value_metadata({"provenance": "x" * 10**8})


def many_keys(path):
    with pq.ParquetWriter(path, pa.schema([("x", pa.int64())])) as writer:
        writer.add_key_value_metadata({str(number): "" for number in range(300_000)})


def nested(path):
    pq.write_table(pa.table({"x": [[[1] * 1000] * 1000]}), path)


def deep(path):
    kind = pa.int64()
    for _ in range(200):
        kind = pa.list_(kind)
    pq.write_table(pa.table({"x": pa.nulls(1, kind)}), path)


def prefixes(path):
    """Each text begins with the one before, of which only the length is written: 200 MB from 1.4 kB."""
    texts = ["a" * number for number in range(900)]
    coding = {"use_dictionary": False, "column_encoding": {"x": "DELTA_BYTE_ARRAY"}}
    pq.write_table(pa.table({"x": texts}), path, compression="zstd", **coding)


def wide_values(path):
    pq.write_table(pa.table({"x": pa.array([b"x" * 10**6] * 100, pa.binary(10**6))}), path, compression="zstd")


def changed_footer(path, change):
    """The footer of a file with other bytes of the same number."""
    whole = bytearray(path.read_bytes())
    length = int.from_bytes(whole[-8:-4], "little")
    footer = bytes(whole[-8 - length : -8])
    changed = change(footer)
    assert len(changed) == length
    assert changed != footer
    path.write_bytes(bytes(whole[: -8 - length]) + changed + bytes(whole[-8:]))


def varint(value, length=0):
    """An integer of Thrift, in at least so many bytes."""
    value <<= 1
    found = []
    while value >= 128 or len(found) + 1 < length:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def lying_footer(path):
    """One column of 10 million zeros, of which the footer says that they take nine bytes."""
    pieces(path, pa.table({"x": numpy.zeros(10**7, "<i8")}), 1, use_dictionary=False, data_page_size=2**30)
    sizes = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    changed_footer(path, lambda footer: footer.replace(varint(sizes), varint(9, len(varint(sizes)))))


def lying_rows(path):
    """The footer says 10 rows where the pages have 10 million."""
    pieces(path, pa.table({"x": numpy.zeros(10**7, "<i8")}), 1, use_dictionary=False)
    rows = varint(10**7)
    changed_footer(path, lambda footer: footer.replace(rows, varint(10, len(rows))))


BOMBS = (
    *(compressed, repeated_text, few_rows_of_long_texts, nothing_but_missing_values, row_groups, columns, long_footer),
    *(many_keys, nested, deep, prefixes, wide_values, lying_footer, lying_rows),
)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for make in BOMBS:
        make(folder / f"{make.__name__}.parquet")
    return folder


@pytest.mark.parametrize("bounds", ["few", "unknown"])
@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_a_forged_file_is_refused_in_less_than_two_seconds_and_500_mb(bombs, make, bounds):
    path = bombs / f"{make.__name__}.parquet"
    done = subprocess.run(
        [sys.executable, "-c", READ, path, bounds], capture_output=True, text=True, check=True, env=os.environ
    )
    said, seconds, peak = json.loads(done.stdout)
    assert path.name in said, "it was read"
    assert "and is not read" in said or "is not a whole Parquet file" in said
    assert seconds < MOST_SECONDS
    assert peak < MOST_MB


@pytest.mark.parametrize(
    "make", [compressed, repeated_text, nothing_but_missing_values], ids=lambda make: make.__name__
)
def test_without_the_bounds_a_forged_file_fills_the_memory(bombs, make):
    """What the tests above would find: the library alone asks for more than there is."""
    code = (
        "import resource, sys, pyarrow.parquet as pq\n"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 10**8,) * 2)\n"
        "pq.read_table(sys.argv[1])\n"
    )
    path = bombs / f"{make.__name__}.parquet"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode != 0


def test_what_is_written_here_is_within_its_bounds(tmp_path):
    table = pa.table(
        {"seed": range(1000), "cell": ["task=arithmetic/size=n14/variant=paper"] * 1000, "x": [0.5] * 1000}
    )
    parquet.write_parquet(tmp_path / "table.parquet", table, {"runs": [{"cell": "x" * 100}] * 50})
    for bounds in (FEW, UNKNOWN):
        assert parquet.read_parquet(tmp_path / "table.parquet", bounds).to_pydict() == table.to_pydict()
    with pytest.raises(InputError, match=r"1,000 rows, more than the 999 "):
        parquet.read_parquet(tmp_path / "table.parquet", expected(999, 3))
    with pytest.raises(InputError, match=r"3 columns, more than the 2 "):
        parquet.read_parquet(tmp_path / "table.parquet", expected(1000, 2))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x15", b"\x15\xff", b"\x18\x7fab", b"\x1c" * 50, b"\x19\xf5\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x02",
        b"\x15" + b"\xff" * 40, b"\x1d\x00", b"\x1b\xff\xff\xff\x7f\x55", b"\x11" * 500,
    ],
)  # fmt: skip
def test_a_structure_that_is_cut_off_deep_or_endless_is_refused(data):
    with pytest.raises(ValueError, match=r"cut off|too deep|too long|more values|no type"):
        Reader(memoryview(data), 0, 100).structure()


def test_a_table_of_no_rows_is_read(tmp_path):
    empty = pa.table({"x": pa.array([], pa.string()), "y": pa.array([], pa.int64())})
    for name, made in (("none", []), ("one", [empty])):
        parquet.write_parquet_pieces(tmp_path / name, empty.schema, made, {})
        assert parquet.read_parquet(tmp_path / name, expected(0, 2)).num_rows == 0


def test_an_empty_file_and_one_that_is_no_file_are_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match=r"empty is not a whole Parquet file"):
        parquet.read_parquet(Path(tmp_path / "empty"))
