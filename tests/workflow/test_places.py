"""Where a clone and its results may lie: two working folders at once, a clone that cannot be written, links in the
results, and two versions of the code on the same results.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clones import STUDIES, Clone

VARIANT = "batch-8_evaluation_interval-3_iterations-6"
JOBS = [f"results/cells/task=facts/size=n14/variant={VARIANT}/seeds={seed}" for seed in (0, 1337)]
PAGE = "results/tables/base/summary.md"
COUNTED = {"plan": 1, "corpus": 1, "train": 2, "evaluate": 2, "tabulate": 1}
MISSING = "prefixes.collect_all-"
"""A function that each training calls, and that is compiled in a moment."""
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Before a command: permissions bind it as they bind any user."""


@pytest.fixture(scope="module")
def clone(make_clone, tiny):
    """A clone with a study of two jobs."""
    clone = make_clone("clone of two folders", STUDIES)
    _configure(clone, tiny)
    return clone


def _configure(clone: Clone, tiny) -> None:
    study = {"base": {"title": "Facts", "grids": [{"task": ["facts"], "size": ["n14"]}]}}
    budget = tiny["budgets"]["laptop"] | {"seeds_per_job": 1, "run": ["base"]}
    clone.configure("two.yaml", tiny | {"studies": study, "budgets": {"laptop": budget}})


def options(clone: Clone, folder: Path) -> tuple[str, ...]:
    """Words for Snakemake to work in a folder."""
    named = ("--directory", str(folder), "--snakefile", str(clone.folder / "Snakefile"))
    return (*named, "--cores", "1", "--configfile", str(clone.folder / "config.yaml"), str(clone.folder / "two.yaml"))


@pytest.fixture(scope="module")
def made(clone, tmp_path_factory):
    """A folder beside the clone in which the page and everything before it was made."""
    folder = tmp_path_factory.mktemp("made")
    clone.snakemake(PAGE, *options(clone, folder))
    return folder


@pytest.fixture
def work(made, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(made, tmp_path / "work", symlinks=True)


def contents(folder: Path) -> dict[str, bytes]:
    """What a folder of results says, apart from the times and the logs."""
    paths = [path for path in (folder / "results").rglob("*") if path.is_file() and path.name != "timing.json"]
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in named.items() if "/logs/" not in name}


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of a folder with times and sizes, but for what Python keeps of its modules."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def logs(folder: Path) -> str:
    return "\n".join(path.read_text() for path in (folder / "results/logs").rglob("*.log"))


def test_two_folders_at_once_on_one_clone_end_in_the_same_bytes_and_leave_it_as_it_is(clone, made, tmp_path):
    """One of them keeps what it compiles by itself: it begins with what all tests keep, less one function."""
    before, running = state(clone.folder), []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        environment = dict(clone.environment)
        if name == "a":
            shared = Path(environment.pop("NUMBA_CACHE_DIR"))
            for path in shared.rglob("*.compiled"):  # each is put there whole, while other tests may add some
                if not path.name.startswith(MISSING):
                    kept = tmp_path / "a/.snakemake/numba" / path.relative_to(shared)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, kept)
        command = [sys.executable, "-m", "snakemake", PAGE, *options(clone, tmp_path / name)]
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    for process in running:
        said, _ = process.communicate()
        assert process.returncode == 0, said.decode()
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(made)
    assert state(clone.folder) == before
    assert list((tmp_path / "a/.snakemake/numba").rglob(f"{MISSING}*.compiled"))
    assert "cannot be" not in logs(tmp_path / "a") + logs(tmp_path / "b")


def test_a_clone_and_a_home_that_cannot_be_written_end_in_the_same_bytes(clone, made, tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    probe = [*WITHOUT_PRIVILEGES, "sh", "-c", 'touch "$0/x" 2> /dev/null && exit 3 || exec "$1" -c ""']
    try:
        code = subprocess.run([*probe, str(shut), sys.executable]).returncode
    except FileNotFoundError:
        code = None
    if code != 0:
        pytest.skip("permissions bind no process here: setpriv cannot take the privileges of root away")
    before, folders = state(clone.folder), [clone.folder, *(each for each in clone.folder.rglob("*") if each.is_dir())]
    variables = {"HOME": str(shut / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "work").mkdir()
    for folder in folders:
        folder.chmod(0o555)
    try:
        done = subprocess.run(
            [*WITHOUT_PRIVILEGES, sys.executable, "-m", "snakemake", PAGE, *options(clone, tmp_path / "work")],
            env=clone.environment | variables,
            capture_output=True,
            text=True,
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "work") == contents(made)
    assert state(clone.folder) == before


@pytest.mark.parametrize("moved", ["results", "results/cells"])
def test_results_may_lie_on_another_disk(clone, work, tmp_path, moved):
    (work / moved).rename(tmp_path / "disk")
    (work / moved).symlink_to(tmp_path / "disk")
    assert "Nothing to be done" in clone.snakemake("--dry-run", PAGE, *options(clone, work))
    before = contents(work)
    clone.snakemake(PAGE, *options(clone, work), "--forcerun", "evaluate")
    assert contents(work) == before
    assert (work / moved).is_symlink()


def test_a_job_replaces_a_link_and_leaves_what_it_leads_to_as_it_is(clone, made, work, tmp_path):
    linked = [PAGE, f"{JOBS[0]}/run.json", f"{JOBS[0]}/evaluation.json"]
    for number, name in enumerate(linked):
        (tmp_path / str(number)).write_text("mine")
        (work / name).unlink()
        (work / name).symlink_to(tmp_path / str(number))
    clone.snakemake(PAGE, *options(clone, work), "--forcerun", "train")
    assert contents(work) == contents(made)
    assert not any((work / name).is_symlink() for name in linked)
    assert {(tmp_path / str(number)).read_text() for number in range(len(linked))} == {"mine"}


@pytest.mark.parametrize("name", [PAGE, f"{JOBS[0]}/run.json", "results/corpora/facts.parquet"])
@pytest.mark.parametrize(
    ("target", "words"),
    [("/nowhere/x", "is a link to /nowhere/x, which is not there"), (None, "is a link that leads back to itself")],
)
def test_a_link_that_leads_nowhere_is_named_before_any_job(clone, work, name, target, words):
    (work / name).unlink()
    (work / name).symlink_to(target or Path(name).name)
    said = clone.snakemake("--dry-run", PAGE, *options(clone, work), succeeds=False)
    assert f"{name} {words}; remove it, or put back what it led to" in said
    assert "Traceback" not in said
    assert "Job stats" not in said


@pytest.fixture(scope="module")
def newer(make_clone, tiny):
    """A clone of newer code, with another optimizer."""
    newer = make_clone("newer clone", STUDIES)
    _configure(newer, tiny)
    source = newer.folder / "src/capacity/paper/protocol.py"
    code = source.read_text(encoding="utf-8")
    assert "ADAM_BETA2 = 0.99\n" in code
    source.write_text(code.replace("ADAM_BETA2 = 0.99\n", "ADAM_BETA2 = 0.999\n"), encoding="utf-8")
    return newer


def verified(clone: Clone, folder: Path) -> tuple[int, str]:
    """The exit code of ``verify`` with the code of a clone, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "capacity", "verify"],
        cwd=folder,
        env=clone.environment | {"PYTHONPATH": str(clone.folder / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_other_code_makes_everything_anew_that_it_may_change_and_the_code_before_it_puts_all_back(
    clone, newer, made, work
):
    assert verified(clone, work)[0] == 0
    code, said = verified(newer, work)
    assert code == 3
    assert all(f"stale    {job}/{name}: it was made by the code" in said for job in JOBS for name in ("run.json",))
    assert newer.counts(PAGE, *options(newer, work)) == {name: n for name, n in COUNTED.items() if name != "plan"}
    newer.snakemake(PAGE, *options(newer, work))
    assert verified(newer, work)[0] == 0
    assert contents(work)[f"{JOBS[0]}/weights.safetensors"] != contents(made)[f"{JOBS[0]}/weights.safetensors"]
    clone.snakemake(PAGE, *options(clone, work))
    assert contents(work) == contents(made)


def test_runs_by_two_versions_of_the_code_get_into_one_table_only_if_that_is_asked_for_and_it_says_so(
    clone, newer, made, work
):
    unasked = (*options(newer, work), "--rerun-triggers", "mtime")
    newer.snakemake(f"{JOBS[0]}/evaluation.json", *unasked, "--forcerun", "train")
    assert newer.counts(PAGE, *options(newer, work))["train"] == 2  # the corpus, too, is of the older code
    assert clone.counts(PAGE, *options(clone, work))["train"] == 1
    newer.snakemake(PAGE, *unasked)
    assert "**Not all runs were trained by the same code**, by the number of jobs: facts (1 by" in contents(work)[
        PAGE
    ].decode("utf-8")
    code, said = verified(newer, work)
    assert code == 3
    assert f"stale    {JOBS[1]}/run.json" in said
    assert f"stale    {JOBS[0]}/run.json" not in said
    clone.snakemake(PAGE, *options(clone, work))
    assert contents(work) == contents(made)
    assert b"Not all runs" not in contents(work)[PAGE]
