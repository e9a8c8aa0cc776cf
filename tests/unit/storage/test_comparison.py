"""Two folders of results are the same but for their origin, or the parts that differ are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from capacity.errors import InputError
from capacity.storage.comparison import Difference, compare
from tests.support.commands import run_command


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of the same results, of other origin."""
    for name, commit in (("first", "abc"), ("second", "def")):
        cell = tmp_path / name / "cells/task=facts"
        cell.mkdir(parents=True)
        save_file({"weights": numpy.arange(3.0)}, cell / "weights.safetensors", metadata={"about": commit})
        table = pa.table({"seed": [1, 2], "loss": [0.5, float("nan")]})
        pq.write_table(table.replace_schema_metadata({"provenance": commit}), cell / "history.parquet")
        (cell / "run.json").write_text(json.dumps({"git_commit": commit, "seeds": [1, 2]}))
        (cell / "timing.json").write_text(json.dumps({"wall_seconds": len(commit)}))
        (tmp_path / name / "summary.csv").write_text("size,n\nn14,2\n")
        (tmp_path / name / "figure.png").write_bytes(b"picture")
    return tmp_path / "first", tmp_path / "second"


def test_origins_and_times_may_differ(folders):
    assert compare(folders[0], folders[1], {}).differences == ()
    assert compare(folders[0], folders[1], {}).same == 5


@pytest.mark.parametrize(
    ("name", "change", "parts"),
    [
        (
            "cells/task=facts/weights.safetensors",
            lambda p: save_file({"weights": numpy.arange(1.0, 4.0)}, p),
            ("weights",),
        ),
        (
            "cells/task=facts/history.parquet",
            lambda p: pq.write_table(pa.table({"seed": [1, 2], "loss": [0.5, 0.25]}), p),
            ("loss",),
        ),
        ("cells/task=facts/run.json", lambda p: p.write_text(json.dumps({"seeds": [1]})), ("seeds",)),
        ("summary.csv", lambda p: p.write_text("size,n\nn14,3\n"), ("n",)),
        ("figure.png", lambda p: p.write_bytes(b"another"), ("content",)),
    ],
)
def test_what_differs_is_named(folders, name, change, parts):
    change(folders[1] / name)
    assert compare(folders[0], folders[1], {}).differences == (Difference(name, parts),)
    assert compare(folders[0], folders[1], {}, ignored=parts).differences == ()


def test_a_file_that_one_folder_lacks_is_a_difference(folders):
    (folders[0] / "summary.csv").unlink()
    (folders[1] / "figure.png").unlink()
    assert compare(folders[0], folders[1], {}).differences == (
        Difference("figure.png", ("only in the first folder",)),
        Difference("summary.csv", ("only in the second folder",)),
    )


def test_renamed_files_and_columns_are_compared_with_their_new_names(folders):
    old = folders[0] / "cells/task=facts/history.parquet"
    table = pq.read_table(old, partitioning=None).rename_columns(["seed", "stream_loss"])
    pq.write_table(table, old)
    old.rename(old.with_name("losses.parquet"))
    assert (
        compare(folders[0], folders[1], {"losses.parquet": "history.parquet", "stream_loss": "loss"}).differences == ()
    )
    assert len(compare(folders[0], folders[1], {"stream_loss": "loss"}).differences) == 2


def test_a_file_that_moved_is_compared_with_its_new_path(folders):
    moved = folders[1] / "base/figure.png"
    moved.parent.mkdir()
    (folders[1] / "figure.png").rename(moved)
    assert compare(folders[0], folders[1], {"figure.png": "base/figure.png"}).differences == ()
    moved.write_bytes(b"another")
    assert compare(folders[0], folders[1], {"figure.png": "base/figure.png"}).differences == (
        Difference("base/figure.png", ("content",)),
    )


def test_a_folder_without_results_is_refused(folders, tmp_path):
    with pytest.raises(InputError, match="nowhere holds no results"):
        compare(folders[0], tmp_path / "nowhere", {})


def test_the_command_says_what_differs_and_fails(folders, capsys):
    run_command("compare", *folders)
    assert capsys.readouterr().out == "5 files are the same, 0 are not\n"
    shutil.copy(folders[1] / "figure.png", folders[1] / "other.png")
    with pytest.raises(SystemExit) as ended:
        run_command("compare", *folders)
    assert ended.value.code == 1
    assert "other.png: only in the second folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cells/task=facts/run.json", b"{"),
        ("cells/task=facts/run.json", b"[1]"),
        ("cells/task=facts/run.json", b"[" * 100_000),
        ("cells/task=facts/history.parquet", b"PAR1"),
        ("cells/task=facts/weights.safetensors", b"x"),
        ("summary.csv", b""),
    ],
)
def test_a_file_that_cannot_be_read_is_named(folders, name, content):
    (folders[1] / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        compare(folders[0], folders[1], {})
