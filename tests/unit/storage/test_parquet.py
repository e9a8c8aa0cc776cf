from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capacity.storage import parquet


def table(rows: int = 1000) -> pa.Table:
    return pa.table({"seed": range(rows), "loss": [0.5 * number for number in range(rows)]})


def test_parquet_survives_the_round_trip_with_its_provenance(tmp_path):
    path = tmp_path / "table.parquet"
    provenance = {"stage": "train", "settings": {"held_out": [[5, 7]], "é": None}}
    parquet.write_parquet(path, table().replace_schema_metadata({"other": "kept"}), provenance)
    found = parquet.read_parquet(path)
    assert found.to_pydict() == table().to_pydict()
    assert parquet.provenance_of(found) == provenance
    assert found.schema.metadata[b"other"] == b"kept"


def test_parquet_is_the_same_bytes_every_time(tmp_path):
    for name, provenance in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        parquet.write_parquet(tmp_path / name, table(), provenance)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parquet_cut_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_parquet(path, table(), {})
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), 1, 4, 8, 12, len(whole) - 8, len(whole) - 4, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"table\.parquet is not a whole Parquet file"):
            parquet.read_parquet(path)


def test_a_table_in_pieces_is_read_as_the_whole_table_is_and_piece_by_piece(tmp_path):
    whole = pa.table({"x": [1, None, 3, 4], "name": ["a", "bé", None, ""], "ok": [True, None, False, True]})
    parquet.write_parquet_pieces(tmp_path / "pieces", whole.schema, [whole[:1], whole[1:3], whole[3:]], {"stage": "x"})
    assert parquet.read_parquet(tmp_path / "pieces").to_pydict() == whole.to_pydict()
    found = list(parquet.read_parquet_pieces(tmp_path / "pieces"))
    assert [len(piece) for piece in found] == [1, 2, 1]
    assert pa.concat_tables(found).to_pydict() == whole.to_pydict()
    assert parquet.provenance_of(found[-1]) == parquet.read_provenance(tmp_path / "pieces") == {"stage": "x"}
    parquet.write_parquet(tmp_path / "whole", whole, {"stage": "x"})
    sums = [pq.read_metadata(tmp_path / name).metadata[b"sha256"] for name in ("pieces", "whole")]
    assert sums[0] == sums[1]


def test_a_piece_that_was_exchanged_is_found_out_at_the_end(tmp_path):
    whole = pa.table({"x": [1, 2, 3, 4]})
    parquet.write_parquet(tmp_path / "table.parquet", whole, {})
    about = pq.read_metadata(tmp_path / "table.parquet").metadata
    with pq.ParquetWriter(tmp_path / "table.parquet", whole.schema) as writer:
        for piece in (whole[:2], whole[:2]):
            writer.write_table(piece)
        writer.add_key_value_metadata({key: about[key] for key in (b"provenance", b"sha256")})
    with pytest.raises(ValueError, match=r"table\.parquet is damaged"):
        list(parquet.read_parquet_pieces(tmp_path / "table.parquet"))


@pytest.mark.parametrize("exponent", [-300, -5, 0, 5, 300])
def test_the_checksum_of_a_table_sees_the_last_bit_of_a_number(tmp_path, exponent):
    number = 1.1 * 10.0**exponent
    sums = {parquet.table_checksum(pa.table({"x": [value]})) for value in (number, math.nextafter(number, math.inf))}
    assert len(sums) == 2


def test_the_checksum_of_a_table_tells_nothing_from_empty_from_nan(tmp_path):
    made = [pa.table({"x": pa.array(values, kind)}) for values, kind in (
        ([None, "a"], pa.string()), (["", "a"], pa.string()), (["nan", "a"], pa.string()),
        (["", "a"], pa.large_string()),
        ([None, 1.0], pa.float64()), ([math.nan, 1.0], pa.float64()), ([0.0, 1.0], pa.float64()),
        ([-0.0, 1.0], pa.float64()), ([0, 1], pa.int64()), ([None, None], pa.float64()), ([None, None], pa.null()),
    )]  # fmt: skip
    assert len({parquet.table_checksum(table) for table in made}) == len(made)
