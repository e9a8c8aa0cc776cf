"""Whatever happens to a file of results is found: damaged, removed, exchanged, added, or made by other code.

One folder is made by the commands themselves, and every test changes it and puts it back.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from capacity.experiment import table_plan
from capacity.experiment.plan import make_plan
from capacity.storage import json_files, records
from capacity.verification import checks
from capacity.verification.findings import DAMAGED, EXIT_CODES, FOREIGN, MISSING, STALE
from capacity.verification.results import verify
from tests.support.commands import run_command
from tests.support.whole_results import configure, copy_of, stages

CONFIG = configure()
WRITTEN = [path for stage in stages(CONFIG) for path in (*stage.writes, *getattr(stage, "target", "").split())]
FILES = ["results/configuration.json", *sorted(set(WRITTEN))]
# One file of each name, as each has its own reader; which of the alike ones is chance. The campaigns of `make faults`
# take any.
CHOSEN = sorted({Path(path).name: path for path in Random(2).sample(FILES, len(FILES))}.values())
LAST_CELL = sorted(make_plan(CONFIG, None).cells)[-1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return copy_of(tmp_path_factory, CONFIG)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The same cells from the same seeds, trained by another program."""
    return copy_of(tmp_path_factory, configure(kernel="torch"))


@pytest.fixture
def results(whole, monkeypatch):
    monkeypatch.chdir(whole)
    return whole / "results"


@contextlib.contextmanager
def kept(*paths):
    """Files are put back afterwards."""
    before = {path: Path(path).read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in before.items():
            Path(path).write_bytes(content)


def found(results):
    return {finding.path: finding.kind for finding in verify(results).findings}


def test_whole_results_are_all_right(results):
    report = verify(results)
    assert report.findings == ()
    assert report.files == len(FILES)


@pytest.mark.parametrize("path", CHOSEN)
def test_a_bit_turned_over_in_any_file_is_found(results, path):
    content = bytearray(Path(path).read_bytes())
    random = Random(path)
    place = random.randrange(len(content))
    content[place] ^= 1 << random.randrange(8)
    with kept(path):
        Path(path).write_bytes(content)
        kinds = found(results)
    # A checksum in a manifest that has become another one looks like that of another record.
    expected = (DAMAGED, STALE) if path.endswith(".sha256") else (DAMAGED, FOREIGN)
    assert kinds.get(path.removeprefix("results/")) in expected, (place, kinds)


@pytest.mark.parametrize("path", CHOSEN)
def test_a_file_that_is_removed_or_cut_short_is_found(results, path):
    """One of the two: which, is chance."""
    content, random = Path(path).read_bytes(), Random(path)
    removed = random.random() < 0.5
    with kept(path):
        Path(path).unlink()
        if not removed:
            Path(path).write_bytes(content[: random.randrange(len(content) - 1)])
        assert found(results).get(path.removeprefix("results/")) == (MISSING if removed else DAMAGED)


def swaps():
    """Each file with the next of the same name, or, if there is none, of the same kind."""
    for path in CHOSEN:
        alike = [each for each in FILES if Path(each).name == Path(path).name and each != path]
        alike += [each for each in FILES if Path(each).suffix == Path(path).suffix and each != path]
        if alike:
            yield path, alike[0]


@pytest.mark.parametrize(("path", "other"), list(swaps()))
def test_a_file_in_the_place_of_another_is_found(results, path, other):
    if Path(path).read_bytes() == Path(other).read_bytes():
        return  # the copies of figures
    with kept(path):
        shutil.copyfile(other, path)
        kinds = found(results)
    assert kinds.get(path.removeprefix("results/")) in (FOREIGN, DAMAGED, STALE), kinds


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("results/tables/base/summary.parquet", FOREIGN),
        ("results/tables/base/runs.json", FOREIGN),
        ("results/figures/base/tradeoff.png", FOREIGN),
        ("results/figures/base/tradeoff.json", FOREIGN),
        ("results/plans/base.json", FOREIGN),
    ],
)
def test_a_file_of_another_study_is_called_foreign(results, path, kind):
    with kept(path):
        shutil.copyfile(path.replace("base", "weight-decay"), path)
        assert found(results)[path.removeprefix("results/")] == kind


@pytest.mark.parametrize("name", ["weights.safetensors", "history.parquet", "run.json", "evaluation.json"])
def test_a_file_of_another_run_of_the_same_cell_is_foreign(results, other, name):
    path = next(each for each in FILES if each.endswith(f"/{name}"))
    with kept(path):
        shutil.copyfile(other / path, path)
        assert found(results)[path.removeprefix("results/")] == FOREIGN


@pytest.mark.parametrize(
    "path",
    [
        "junk.txt", "figures/base/junk.pdf", "figures/junk.png", "tables/base/junk.csv", "tables/junk.parquet",
        "cells/junk/weights.safetensors", f"cells/{LAST_CELL}/seeds=0-1/junk.parquet", f"cells/{LAST_CELL}/junk.json",
        "corpora/junk.parquet", "plans/junk.txt", "manifests/junk.txt", "tables/base/.junk.csv", "a\x1b[31mb.txt",
    ],
)  # fmt: skip
def test_a_file_that_no_stage_writes_is_foreign(results, path, capsys):
    before = {each for each in results.rglob("*") if each.is_dir()}
    (results / path).parent.mkdir(parents=True, exist_ok=True)
    (results / path).write_text("junk", encoding="utf-8")
    try:
        assert found(results) == {path: FOREIGN}
        with pytest.raises(SystemExit):
            run_command("verify")
    finally:
        (results / path).unlink()
        for folder in sorted({each for each in results.rglob("*") if each.is_dir()} - before, reverse=True):
            folder.rmdir()
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("path", ["report.html", "logs/train/x.log", "benchmarks/cpu.json"])
def test_what_is_no_result_of_a_stage_is_passed_over(results, path):
    (results / path).parent.mkdir(parents=True, exist_ok=True)
    (results / path).write_text("not a result", encoding="utf-8")
    try:
        assert found(results) == {}
    finally:
        (results / path).unlink()


@pytest.mark.parametrize("path", ["tables/logs/junk.csv", "figures/snapshots/junk.pdf", "tables/base/report.html"])
def test_the_same_names_elsewhere_are_looked_at(results, path):
    folder = (results / path).parent
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    (results / path).write_text("junk", encoding="utf-8")
    try:
        assert found(results) == {path: FOREIGN}
    finally:
        (results / path).unlink()
        if is_new:
            folder.rmdir()


def test_what_is_not_a_file_is_foreign_and_does_not_hang(results):
    os.mkfifo(results / "tables/base/pipe.csv")
    (results / "figures/loop").symlink_to(results / "figures")
    (results / "figures/gone.pdf").symlink_to("nowhere")
    try:
        assert found(results) == {"tables/base/pipe.csv": FOREIGN, "figures/gone.pdf": FOREIGN}
    finally:
        for path in ("tables/base/pipe.csv", "figures/loop", "figures/gone.pdf"):
            (results / path).unlink()


@pytest.mark.parametrize("sums", [None, 3, "x", ["x"], {"weights.safetensors": 3}])
@pytest.mark.parametrize("name", ["run.json", "evaluation.json"])
def test_checksums_that_are_none_are_damage(results, name, sums):
    path = next(each for each in FILES if each.endswith(f"/{name}"))
    with kept(path):
        content = json_files.read_sealed_json(path)
        (content if name == "run.json" else content["provenance"])[records.FILES] = sums
        json_files.write_sealed_json(path, content)
        assert found(results)[path.removeprefix("results/")] == DAMAGED


def test_a_table_is_looked_at_though_its_record_is_damaged_as_well(results):
    table, record = "results/tables/base/summary.parquet", "results/tables/base/runs.json"
    with kept(table, record):
        Path(table).write_bytes(Path(table).read_bytes()[:-99])
        Path(record).write_text("{", encoding="utf-8")
        kinds = found(results)
    assert kinds["tables/base/summary.parquet"] == kinds["tables/base/runs.json"] == DAMAGED


LINKED = [
    *("tables/base/summary.md", "tables/base/runs.parquet", "figures/base/tradeoff.pdf", "corpora/facts.parquet"),
    *(f"cells/{LAST_CELL}/seeds=0-1/{name}" for name in ("run.json", "weights.safetensors", "evaluation.json")),
]


@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/nowhere/x", "it is a link to /nowhere/x, which is not there"),
        (None, "it is a link that leads back to itself"),
    ],
)
def test_a_link_through_which_nothing_can_be_read_is_said_once_with_what_mends_it(results, path, target, said, capsys):
    whole = (results / path).read_bytes()
    try:
        (results / path).unlink()
        (results / path).symlink_to(target or Path(path).name)
        with pytest.raises(SystemExit) as caught:
            run_command("verify")
    finally:
        (results / path).unlink()
        (results / path).write_bytes(whole)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"foreign  results/{path}: {said}",
        f"         rm results/{path} && snakemake --cores all results/{path}",
    ]
    assert not any(line.startswith("missing") for line in lines)
    assert caught.value.code == EXIT_CODES[FOREIGN]


def test_a_link_to_the_same_bytes_is_right_and_one_to_others_is_damaged(results, tmp_path):
    path = results / "tables/base/summary.md"
    whole = path.read_bytes()
    try:
        path.unlink()
        path.symlink_to(tmp_path / "page")
        (tmp_path / "page").write_bytes(whole)
        assert found(results) == {}
        (tmp_path / "page").write_bytes(whole + b"more")
        assert found(results) == {"tables/base/summary.md": DAMAGED}
    finally:
        path.unlink()
        path.write_bytes(whole)


@pytest.mark.parametrize("folder", ["cells", "."])
def test_results_that_lie_on_another_disk_are_found_there(results, tmp_path, folder):
    moved, link = tmp_path / "disk", results / folder if folder != "." else results
    link.rename(moved)
    link.symlink_to(moved)
    try:
        report = verify(results)
    finally:
        link.unlink()
        moved.rename(link)
    assert report.findings == ()
    assert report.files == len(FILES)


@pytest.mark.parametrize(
    ("stage", "paths"),
    [
        ("train", {f"cells/{cell}/seeds=0-1/run.json" for cell in make_plan(CONFIG, None).cells}),
        ("evaluate", {f"cells/{cell}/seeds=0-1/evaluation.json" for cell in make_plan(CONFIG, None).cells}),
        ("corpus", {"corpora/arithmetic.parquet", "corpora/facts.parquet"}),
        ("draw-tradeoff", {f"figures/{study}/tradeoff.json" for study in ("base", "weight-decay")}),
        ("findings", {"findings.json"}),
    ],
)
def test_what_other_code_has_made_is_stale(results, monkeypatch, stage, paths):
    """As after an edit to the code of one stage."""
    digest = checks.source_digest
    edited = "0" * 64
    monkeypatch.setattr(checks, "source_digest", lambda name, task: edited if name == stage else digest(name, task))
    assert found(results) == dict.fromkeys(paths, STALE)


def test_what_another_configuration_has_made_is_stale(results):
    path = "results/configuration.json"
    with kept(path):
        changed = json_files.read_sealed_json(path)
        changed["studies"]["base"]["title"] = "Renamed"
        json_files.write_sealed_json(path, changed)
        kinds = found(results)
    assert set(kinds.values()) == {STALE}
    assert {"plans/base.json", "plans/base/facts.json", "tables/base/runs.json"} <= set(kinds)
    assert not any("weight-decay" in each for each in kinds)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            {"course": {"kind": "curves", "measure": ["seen", "held-out"]}},
            "and is --kind curves --measure seen held-out",
        ),
        ({}, "the configuration has no figure course of base"),
    ],
)
def test_a_figure_that_the_configuration_describes_otherwise_is_stale(results, figures, said):
    path = "results/configuration.json"
    with kept(path):
        changed = json_files.read_sealed_json(path)
        times = changed["studies"]["base"]["figures"]["times"]
        changed["studies"]["base"]["figures"] = figures | {"times": times}
        json_files.write_sealed_json(path, changed)
        findings = [finding for finding in verify(results).findings if finding.path.startswith("studies/")]
    assert [(finding.kind, finding.path) for finding in findings] == [(STALE, "studies/base/course.json")]
    assert said in findings[0].why


def test_what_was_made_of_a_file_that_was_made_anew_is_stale(results):
    """The corpus stays, the table of runs is another whole one, and its record says so."""
    path, record = "results/tables/base/summary.md", "results/tables/base/runs.json"
    with kept(path, record):
        Path(path).write_text("# Another page\n", encoding="utf-8")
        content = records.read_record(record)
        made = [Path("results/tables/base") / name for name in content[records.FILES]]
        read = [Path("results/tables/base") / name for name in content[records.READ]]
        records.write_record(Path(record), content, made, read)
        kinds = found(results)
    assert kinds.pop("manifests/base.sha256") == STALE
    assert kinds.pop("figures/base/tradeoff.json") == STALE
    assert set(kinds.values()) == {STALE}


def test_a_digest_of_a_plan_is_that_of_its_content(results):
    plan = table_plan.read_plan(Path("results/plans/base.json"), Path("elsewhere"))
    assert plan.digest == make_plan(CONFIG, None).table("base").digest
    assert plan.jobs[0].folder.startswith("elsewhere/task=")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (None, None),
        ("results/tables/base/summary.csv", DAMAGED),
        ("results/tables/base/summary.md", MISSING),
        ("results/tables/base/runs.json", FOREIGN),
    ],
)
def test_the_exit_code_says_the_worst_and_each_line_what_mends_it(results, path, kind, capsys):
    with kept(*([path] if path else [])):
        if kind == DAMAGED:
            Path(path).write_text("n\n", encoding="utf-8")
        elif kind == MISSING:
            Path(path).unlink()
        elif kind == FOREIGN:
            shutil.copyfile("results/tables/weight-decay/runs.json", path)
        with pytest.raises(SystemExit) as caught:
            run_command("verify")
    said = capsys.readouterr()
    assert said.err == "", "the bar is for terminals"
    if kind is None:
        assert caught.value.code == 0
        assert said.out == f"{len(FILES)} files: all is right\n"
        return
    assert caught.value.code == max(
        EXIT_CODES[line.split()[0]] for line in said.out.splitlines() if line[0] != " " and "results/" in line
    )
    remove = "" if kind == MISSING else f"rm {path} && "
    assert f"         {remove}snakemake --cores all {path}\n" in said.out


def test_no_folder_no_results_and_a_wrong_command_line_have_codes_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, code in (((), 1), (("--what",), 2), ((".",), 1)):
        done = subprocess.run([sys.executable, "-m", "capacity", "verify", *arguments], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_nothing_is_written(results):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in results.rglob("*")}
    verify(results)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in results.rglob("*")} == before


def test_every_line_of_a_manifest_is_one_of_sha256sum(results):
    done = subprocess.run(
        ["sha256sum", "--check", "manifests/base.sha256"], cwd=results, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    listed = re.findall(r"^(.*): OK$", done.stdout, re.MULTILINE)
    assert {"figures/base/tradeoff.pdf", "figures/tradeoff.png", "tables/base/summary.csv"} <= set(listed)
