from __future__ import annotations

import json
import subprocess

import pytest

from capacity.storage import code, provenance


@pytest.mark.parametrize("stage", ["corpus", "train"])
def test_provenance_says_what_made_a_file_and_is_json_without_dates(stage):
    record = provenance.record(stage, {"facts": 3}, seeds=[1])
    assert record == provenance.record(stage, {"facts": 3}, seeds=[1])
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["stage"] == stage
    assert record["settings"] == {"facts": 3}
    assert record["seeds"] == [1]
    assert record["source_digest"] == code.source_digest(stage)
    assert {"capacity", "python", "torch"} <= set(record["versions"])


def test_the_commit_is_none_outside_git(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "storage/provenance.py"))
    (tmp_path / "storage").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_commit() is None


def test_the_commit_says_when_tracked_source_is_modified(monkeypatch, tmp_path):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "src/storage/provenance.py"))
    (tmp_path / "src/storage").mkdir(parents=True)
    for name in ("src/files.py", "README.md"):
        (tmp_path / name).write_text("one\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    commit = git("rev-parse", "HEAD")
    assert provenance.git_commit() == commit
    (tmp_path / "src/untracked.py").write_text("x\n")
    (tmp_path / "README.md").write_text("two\n")
    assert provenance.git_commit() == commit
    (tmp_path / "src/files.py").write_text("two\n")
    assert provenance.git_commit() == f"{commit}-modified"


def test_the_commit_is_none_for_a_package_that_is_installed_inside_another_repository(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "environment/capacity/storage/provenance.py"))
    (tmp_path / "environment/capacity/storage").mkdir(parents=True)
    (tmp_path / "environment/capacity/__init__.py").touch()
    (tmp_path / "analysis.py").touch()
    for command in (
        ["init"],
        ["add", "analysis.py"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "one"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    assert provenance.git_commit() is None
