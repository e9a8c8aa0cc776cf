from __future__ import annotations

import json
import subprocess

import pytest

from capacity.storage import code, files
from capacity.storage import provenance as storage_provenance
from capacity.storage.provenance import git_commit


@pytest.mark.parametrize("stage", ["corpus", "train"])
def test_provenance_says_what_made_a_file_and_is_json_without_dates(stage):
    provenance = storage_provenance.record(stage, {"facts": 3}, seeds=[1])
    assert provenance == storage_provenance.record(stage, {"facts": 3}, seeds=[1])
    assert json.loads(json.dumps(provenance, allow_nan=False)) == provenance
    assert provenance["stage"] == stage
    assert provenance["settings"] == {"facts": 3}
    assert provenance["seeds"] == [1]
    assert provenance["source_digest"] == code.source_digest(stage)
    assert {"capacity", "python", "torch"} <= set(provenance["versions"])


def test_the_commit_is_none_outside_git(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "__file__", str(tmp_path / "files.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() is None


def test_the_commit_says_when_tracked_source_is_modified(monkeypatch, tmp_path):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    monkeypatch.setattr(files, "__file__", str(tmp_path / "src" / "files.py"))
    (tmp_path / "src").mkdir()
    for name in ("src/files.py", "README.md"):
        (tmp_path / name).write_text("one\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    commit = git("rev-parse", "HEAD")
    assert git_commit() == commit
    (tmp_path / "src" / "untracked.py").write_text("x\n")
    (tmp_path / "README.md").write_text("two\n")
    assert git_commit() == commit
    (tmp_path / "src" / "files.py").write_text("two\n")
    assert git_commit() == f"{commit}-modified"
