"""Snakemake on a read-only clone, on a full disk, and with a configuration that Snakemake alone would take."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.clones import STUDIES


@pytest.fixture
def namespace(make_clone, request):
    """A clone, and a shell script in it that may mount what it likes; in the script ``run`` is Snakemake."""
    clone = make_clone(request.node.name, STUDIES)

    def run(script, *, succeeds=True):
        prelude = 'run() { "$PYTHON" -m snakemake --cores 1 "$@" 2>&1; }\n'
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-ec", prelude + script],
            cwd=clone.folder,
            env=os.environ | {"PYTHON": sys.executable, "HOME": str(clone.home), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    try:
        run("mkdir -p results && mount -t tmpfs none results")
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"nothing can be mounted here; tests/unit/storage/test_files.py fakes it: {error}")
    return clone.folder, run


def test_a_read_only_clone_says_so_and_how_to_work_elsewhere(namespace):
    folder, run = namespace
    (folder / "results").rmdir()
    read_only = f'mount --bind . . && mount -o remount,bind,ro . && cd "{folder}"\n'
    said = run(read_only + "run results/corpora/facts.parquet", succeeds=False)
    assert said.count(f"nothing can be written in {folder}: it is read-only") == 1
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("To work in another folder: snakemake ")]
    options = line.removeprefix("To work in another folder: snakemake ").replace("FOLDER", "../elsewhere")
    made = folder.parent / "elsewhere/results/corpora/facts.parquet"
    run(read_only + f"run results/corpora/facts.parquet {options}")
    assert made.stat().st_size > 1000
    assert not (folder / "results").exists()
    assert not (folder / ".snakemake").exists()


def test_a_full_disk_is_said_to_be_full_even_where_no_log_can_be_written_and_the_run_goes_on_after(namespace):
    _, run = namespace
    said = run("""
        mount -t tmpfs -o size=64k none results
        mkdir -p results/logs/corpora results/corpora
        dd if=/dev/zero of=results/ballast bs=1k 2> /dev/null || true
        if run results/corpora/facts.parquet; then exit 9; fi
        find results -type f -size +0
        echo made room
        rm results/ballast
        run results/corpora/facts.parquet
        find results -name '*.parquet' -o -name '.*.parquet'
    """)
    full, after = said.split("made room\n")
    assert full.count("The disk of results is full: make room and run the same command again.") == 1
    assert [line for line in full.splitlines() if line.startswith("results/")] == ["results/ballast"]
    assert [line for line in after.splitlines() if line.startswith("results/")] == ["results/corpora/facts.parquet"]


def test_a_key_that_appears_twice_in_a_configuration_is_refused_with_its_line(clone):
    (clone.folder / "twice.yaml").write_text("device: cpu\ncompile: false\ndevice: cuda\n", encoding="utf-8")
    said = clone.snakemake("--dry-run", "--configfile", "twice.yaml", succeeds=False)
    assert said.count("twice.yaml, line 3: the key 'device' appears twice") == 1
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_a_cell_asked_for_by_its_path_is_held_to_the_bounds_of_the_configuration(clone):
    cell = "results/cells/task=facts/size=n999999999/variant=paper/seeds=0/run.json"
    said = clone.snakemake("--dry-run", cell, succeeds=False)
    assert "width: 999999999 must be from 1 to 16,384" in said
    assert "Job stats" not in said
