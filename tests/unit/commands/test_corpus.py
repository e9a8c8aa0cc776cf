from __future__ import annotations

from capacity.corpora.corpus import build, read
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import code, parquet, provenance
from tests.support.commands import run_command


def test_the_command_writes_the_corpus_of_a_cell_the_same_every_time(tmp_path, monkeypatch):
    cell = make_cell("joint", SIZES["n14"], facts=10, held_out=[(3, 4), (0, 0)], iterations=9)
    paths = [tmp_path / "a" / "corpus.parquet", tmp_path / "b.parquet"]
    monkeypatch.setattr(provenance, "git_commit", lambda: "abc")
    for path in paths:
        run_command("corpus", cell.name, "--output", path)
    assert read(paths[0]) == build(cell)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    record = parquet.provenance_of(parquet.read_parquet(paths[0]))
    assert record["settings"] == {
        "corpus": cell.corpus_name,
        "task": "joint",
        "held_out": [[0, 0], [3, 4]],
        "facts": 10,
        "corpus_seed": 1337,
    }
    assert record["source_digest"] == code.source_digest("corpus", "joint")
