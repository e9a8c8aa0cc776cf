"""The archive: all of the results and the code, the same bytes each time, and nothing that is not what it says."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import capacity
from capacity.archive.contents import code_files
from capacity.errors import InputError
from capacity.experiment.plan import make_plan
from capacity.storage import json_files
from capacity.verification.results import verify
from tests.support.commands import run_command
from tests.support.repository import REPOSITORY
from tests.unit.archive.conftest import CONFIG

ARITHMETIC = sorted(make_plan(CONFIG, None).cells)[0]
RUN = f"results/cells/{ARITHMETIC}/seeds=0-1/run.json"


def archive(output="results/archive.zip", *more):
    run_command("archive", "--output", output, *more)


def refusal(*more, output="refused.zip"):
    """What the command says when it refuses, which is a sentence and no traceback."""
    with pytest.raises(SystemExit) as refused:
        archive(output, *more)
    assert not Path(output).exists()
    return str(refused.value.code)


@contextlib.contextmanager
def kept(*paths):
    """Files are put back afterwards, with their dates."""
    before = {Path(path): (Path(path).read_bytes(), Path(path).stat()) for path in paths}
    try:
        yield
    finally:
        for path, (content, status) in before.items():
            path.write_bytes(content)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_it_has_every_file_that_the_studies_are_made_of(unpacked, made):
    for study in ("base", "weight-decay"):
        for record in json_files.read_sealed_json(made / f"results/tables/{study}/runs.json")["read"]:
            assert (unpacked / f"results/tables/{study}" / record).resolve().is_file()
    for listing in (*(f"manifests/{study}" for study in ("base", "weight-decay")), "manifest"):
        for line in (made / f"results/{listing}.sha256").read_text(encoding="utf-8").splitlines():
            assert (unpacked / "results" / line[66:]).is_file(), line
    weights = {path.relative_to(made).as_posix() for path in made.rglob("weights.safetensors")}
    assert weights
    assert all((unpacked / path).read_bytes() == (made / path).read_bytes() for path in weights)
    assert json_files.read_sealed_json(unpacked / "results/configuration.json") == CONFIG


def test_it_has_the_code_that_runs_the_workflow_again(unpacked):
    for path in ("Snakefile", "config.yaml", "workflow/rules/train.smk", "src/capacity/model/transformer.py"):
        assert (unpacked / "code" / path).read_bytes() == (REPOSITORY / path).read_bytes()
    assert (unpacked / "code/envs/requirements.txt").is_file()
    assert [path for path in unpacked.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"] == []


def test_an_installed_package_is_archived_without_a_clone(monkeypatch, tmp_path):
    package = tmp_path / "site-packages/capacity"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(capacity, "__file__", str(package / "__init__.py"))
    expected = {"code/src/capacity/__init__.py": package / "__init__.py", "code/workflow/Snakefile": Path("Snakefile")}
    assert code_files(Path("Snakefile")) == expected
    with pytest.raises(InputError, match="--snakefile: is missing"):
        code_files()


def test_the_same_results_make_the_same_bytes(results, tmp_path):
    archive(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (results / "archive.zip").read_bytes()


def test_what_is_unpacked_is_verified_and_can_be_asked(unpacked, monkeypatch, capsys):
    assert verify(unpacked / "results").findings == ()
    monkeypatch.chdir(unpacked)
    run_command("ask", ARITHMETIC, "--seed", "0", "<5+7=")
    assert "<5+7=" in capsys.readouterr().out


def test_the_manifest_is_one_that_sha256sum_checks(unpacked):
    subprocess.run(["sha256sum", "--quiet", "--check", "manifest.sha256"], cwd=unpacked, check=True)
    listed = {line[66:] for line in (unpacked / "manifest.sha256").read_text(encoding="utf-8").splitlines()}
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert listed == files - {"manifest.sha256"}


def rewritten(source, target, change):
    """Copy an archive, with the content of each file as a function of its name and content; None leaves it out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)


def changed_corpus(name, content):
    return content[:-1] + bytes([content[-1] ^ 1]) if name == "results/corpora/facts.parquet" else content


def removed_card(name, content):
    return None if name == "cards/n14.md" else content


def listed_no_more(name, content):
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if b"LICENSE" not in line) if name == "manifest.sha256" else content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_corpus, "results/corpora/facts.parquet: its digest is "),
        (removed_card, "cards/n14.md: it is missing, and manifest.sha256 lists it"),
        (listed_no_more, "code/LICENSE: manifest.sha256 does not list it"),
    ],
)
def test_a_changed_file_is_found_by_its_digest(results, tmp_path, capsys, change, said):
    rewritten(results / "archive.zip", tmp_path / "changed.zip", change)
    with pytest.raises(SystemExit) as ended:
        run_command("verify", tmp_path / "changed.zip")
    assert ended.value.code == 6
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"damaged  {said}")


def test_an_archive_that_is_all_right_is_said_to_be(results, capsys):
    with pytest.raises(SystemExit) as ended:
        run_command("verify", results / "archive.zip")
    assert ended.value.code == 0
    assert capsys.readouterr().out.endswith("files: all is right\n")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no archive"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "other.zip"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"other.zip (is not a whole ZIP file|has no manifest.sha256)"):
        run_command("verify", path)


def test_an_archive_cut_short_is_refused(results, tmp_path):
    content = (results / "archive.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(SystemExit, match=r"cut.zip is not a whole ZIP file"):
        run_command("verify", tmp_path / "cut.zip")


def test_verify_knows_the_archive_in_results(results):
    assert verify(results).findings == ()
    with kept(results / "archive.zip"):
        (results / "archive.zip").write_bytes(b"other")
        assert [(each.kind, each.path) for each in verify(results).findings] == [("damaged", "archive.zip")]


def test_results_that_were_never_made_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    assert "results/configuration.json is missing" in refusal()
    assert "none/configuration.json is missing" in refusal("--configuration", "none/configuration.json")


@pytest.mark.parametrize("name", ["tables/weight-decay/summary.parquet", "studies/weight-decay/index.md"])
def test_a_missing_study_is_named(results, name):
    with kept(results / name):
        (results / name).unlink()
        said = refusal()
    assert f"what the study weight-decay needs is missing (results/{name})" in said
    assert "`snakemake all --config budget=laptop` makes it" in said


def test_missing_weights_are_named(results):
    path = next(results.rglob("weights.safetensors"))
    with kept(path):
        path.unlink()
        assert f"is missing ({path})" in refusal()


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "run.json", "evaluation.json", "history.parquet", "answers.parquet"]
)
def test_a_file_of_another_cell_is_refused_by_its_name(results, name):
    path = results / f"cells/{ARITHMETIC}/seeds=0-1/{name}"
    other = next(each for each in results.rglob(name) if "weight_decay" in str(each))
    with kept(path):
        shutil.copyfile(other, path)
        said = refusal()
    assert re.search(r"cannot be archived: it is (foreign|damaged)", said)
    assert str(path) in said


def test_a_table_of_another_study_is_refused_by_its_name(results):
    path = results / "tables/base/summary.parquet"
    with kept(path):
        shutil.copyfile(results / "tables/weight-decay/summary.parquet", path)
        assert "results/tables/base/summary.parquet cannot be archived: it is foreign" in refusal()


def test_tables_of_another_plan_are_refused(results):
    assert "has to make 0123456789abcdef: it is of another run" in refusal("--digest", "0123456789abcdef")


def test_a_damaged_table_is_refused_by_its_name(results):
    path = results / "tables/base/runs.parquet"
    with kept(path):
        path.write_bytes(path.read_bytes()[:-9])
        assert f"{path} cannot be archived: it is damaged" in refusal()


def with_changed_record(path, change):
    """Write a record again with a change and a seal that fits."""
    record = json_files.read_sealed_json(path)
    change(record)
    json_files.write_sealed_json(path, record)


def test_weights_of_another_version_of_the_package_are_refused(results):
    folder = Path(RUN).parent
    changed = [folder / name for name in ("run.json", "evaluation.json")]

    def change(record):
        training = record["provenance"]["training"] if "provenance" in record else record
        training["versions"]["capacity"] = "0.0.9"

    with kept(*changed):
        for path in changed:
            with_changed_record(path, change)
        said = refusal()
    assert "cannot be archived" in said


def test_the_record_of_a_version_is_compared(results):
    from capacity.archive.contents import check_version

    with pytest.raises(InputError, match=r"run.json was written by version 0.0.9 of this package, and this is"):
        check_version(RUN, {"versions": {"capacity": "0.0.9"}})
    with pytest.raises(InputError, match=r"was written by version None"):
        check_version(RUN, {})


def test_a_page_of_other_code_is_refused(results):
    path = results / "methods.json"
    with kept(path):
        with_changed_record(path, lambda record: record.update(source_digest="0" * 64))
        said = refusal()
    assert "results/methods.json" in said
    assert "it is stale" in said


def test_the_command_ends_in_a_sentence_and_not_in_a_traceback(tmp_path):
    command = [sys.executable, "-m", "capacity", "archive", "--output", "archive.zip"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: results/configuration.json is missing")
    assert len(done.stderr.splitlines()) == 1


def test_the_record_beside_it_says_what_it_was_made_of(results):
    record = json_files.read_sealed_json(results / "archive.json")
    assert record["files"]["archive.zip"] == hashlib.sha256((results / "archive.zip").read_bytes()).hexdigest()
    assert record["read"][RUN.removeprefix("results/")] == hashlib.sha256(Path(RUN).read_bytes()).hexdigest()
