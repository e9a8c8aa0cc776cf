from __future__ import annotations

import pytest

from capacity.__main__ import main
from capacity.experiment.cell import make_cell
from capacity.findings import reproduction
from capacity.paper.protocol import SIZES, Size
from capacity.storage import json_files
from tests.support.untrained_runs import RECORD, VERSIONS, write_run

SMALL = make_cell("facts", SIZES["n14"], facts=3)
DEEP = make_cell("facts", Size(2, 1, 8, 1), facts=3)
ORIGIN = ("kernel", "device", "precision", "compile", "graph", "threads", "git_commit", "source_digest")


@pytest.fixture
def published(tmp_path):
    """A published folder of five runs: four of one layer, which two jobs trained, and one of two layers."""
    jobs = [(SMALL, (0, 1, 2)), (SMALL, (1337,)), (DEEP, (0,))]
    for cell, seeds in jobs:
        write_run(tmp_path / "there", cell, seeds)
    digests = reproduction.weight_digests(tmp_path / "there/cells", {SMALL.name: (0, 1, 2, 1337), DEEP.name: (0,)})
    runs = [{"cell": cell.name, "seeds": list(seeds)} | {name: RECORD[name] for name in ORIGIN} for cell, seeds in jobs]
    json_files.write_json(
        tmp_path / "published/provenance.json",
        {
            "tables": {"runs": runs, "versions": VERSIONS},
            "weights": {reproduction.run_name(run): digest for run, digest in digests.items()},
        },
    )
    return tmp_path / "published"


def told(published, results):
    return reproduction.sentences(reproduction.compare_with_published(published, results), published)


def test_the_same_runs_in_other_jobs_have_the_same_bytes(published, tmp_path):
    write_run(tmp_path / "here", SMALL, (1, 1337))
    write_run(tmp_path / "here", SMALL, (0, 2, 7))  # 7 is not published
    write_run(tmp_path / "here", DEEP, (0,))
    assert told(published, tmp_path / "here") == [
        f"4 of 4 one-layer runs have the same bytes as {published}",
        f"1 of 1 deeper run has the same bytes as {published}",
    ]


def test_runs_that_were_not_trained_are_counted(published, tmp_path):
    write_run(tmp_path / "here", SMALL, (0,))
    assert told(published, tmp_path / "here") == [
        f"1 of 1 one-layer run has the same bytes as {published}",
        "  (4 more of its 5 runs were not trained here)",
    ]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"kernel": "torch"}, "kernel is torch here and was numba there"),
        ({"precision": "bfloat16"}, "precision is bfloat16 here and was float32 there"),
        (
            {"source_digest": "c" * 64, "git_commit": "d" * 40},
            "the code of training has changed, from commit aaaaaaaaaaaa to dddddddddddd",
        ),
        ({"versions": VERSIONS | {"numpy": "3.0"}}, "numpy is 3.0 here and was 2.4.6 there"),
        ({"platform": "Darwin arm64"}, "the bytes are those of Linux x86_64, and this is Darwin arm64"),
        ({}, "nothing that is known may change it, so this is a fault: please report it"),
    ],
)
def test_a_run_that_differs_is_named_with_what_may_be_the_reason(published, tmp_path, record, why):
    write_run(tmp_path / "here", SMALL, (0,))
    write_run(tmp_path / "here", SMALL, (2,), change=1e-3, **record)
    assert told(published, tmp_path / "here") == [
        f"1 of 2 one-layer runs has the same bytes as {published}",
        f"  {SMALL.name}/seeds=2 differs: {why}",
        "  (3 more of its 5 runs were not trained here)",
    ]


def test_torch_may_differ_on_another_processor(published, tmp_path):
    path = published / "provenance.json"
    content = json_files.read_json(path)
    content["tables"]["runs"][-1]["kernel"] = "torch"
    json_files.write_json(path, content)
    write_run(tmp_path / "here", DEEP, (0,), change=1e-3, kernel="torch")
    assert told(published, tmp_path / "here")[:2] == [
        f"0 of 1 deeper run have the same bytes as {published}",
        f"  {DEEP.name}/seeds=0 differs: torch trained it, which rounds otherwise on another processor",
    ]


def test_a_difference_without_a_reason_is_the_exit_code_of_the_command(published, tmp_path, capsys):
    write_run(tmp_path / "here", SMALL, (0,))
    assert run(published, tmp_path / "here") == 0
    write_run(tmp_path / "here", SMALL, (0,), change=1.0, source_digest="c" * 64)
    assert run(published, tmp_path / "here") == 0
    write_run(tmp_path / "here", SMALL, (0,), change=1.0)
    assert run(published, tmp_path / "here") == 1
    assert "please report it" in capsys.readouterr().out


def run(published, results):
    try:
        main(["compare", str(published), str(results)])
    except SystemExit as end:
        return end.code
    return 0


def test_what_cannot_be_compared_is_named(published, tmp_path):
    with pytest.raises(ValueError, match=r"here holds none of the 5 runs of .*published"):
        reproduction.compare_with_published(published, tmp_path / "here")
    with pytest.raises(ValueError, match=r"nowhere holds no provenance\.json"):
        reproduction.compare_with_published(tmp_path / "nowhere", tmp_path / "there")
    json_files.write_json(published / "provenance.json", {"tables": {}})
    with pytest.raises(ValueError, match="has no digests of weights"):
        reproduction.compare_with_published(published, tmp_path / "there")


def test_damaged_weights_are_named(published, tmp_path):
    path = write_run(tmp_path / "here", SMALL, (0,)) / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors is damaged"):
        reproduction.compare_with_published(published, tmp_path / "here")
