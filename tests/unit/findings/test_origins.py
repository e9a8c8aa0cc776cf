from __future__ import annotations

import subprocess
from dataclasses import replace

from capacity.findings.origins import commit_dates
from tests.support.handmade_findings import (
    COMMIT,
    OTHER,
    PROVENANCE,
    lines_of,
    origin,
    page_of,
    sections,
)


def test_the_page_has_the_day_of_the_newest_code_that_trained(base):
    jobs = [origin(), origin(), origin(OTHER, seeds=(1,)), origin(seeds=(2,), device="cuda")]
    found = sections(page_of(replace(base, origins=jobs)))
    assert found["Findings"].strip().startswith("Dated 2026-11-24, the day of the newest code that trained")
    assert "3 training jobs" in found[PROVENANCE]  # the second is the first, read from another study's table
    (row,) = lines_of(found[PROVENANCE], OTHER, "2026-11-24")
    assert row.startswith("| 1 | ")
    assert lines_of(found[PROVENANCE], COMMIT, "cuda")
    assert "could not be dated" not in found[PROVENANCE]
    assert f"code of commit `{OTHER}` with capacity 0.1.0, torch 2.13.0." in found[PROVENANCE]


def test_a_commit_that_is_not_known_or_was_changed_is_said_to_be(base):
    jobs = [origin(f"{COMMIT}-modified"), origin("c" * 40, seeds=(1,)), origin(None, seeds=(2,))]
    found = sections(page_of(replace(base, origins=jobs)))
    assert "Dated 2026-11-20" in found["Findings"]
    assert "2 commits could not be dated. `-modified`: with changes" in found[PROVENANCE]
    assert lines_of(found[PROVENANCE], "| not recorded | - |")
    assert "Not dated: records of runs hold no date" in page_of(base, dates={})


def test_commits_are_dated_by_the_repository_and_by_nothing_without_one(tmp_path):
    def git(*arguments):
        names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")]
        values = ["someone", "someone@example.org", "2026-11-20T12:00:00+0000"] * 2
        environment = dict(zip(names, values, strict=True)) | {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    folder = tmp_path / "repository"
    folder.mkdir()
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    commit = git("rev-parse", "HEAD")
    assert commit_dates([f"{commit}-modified", None, COMMIT], folder) == {commit: "2026-11-20"}
    assert commit_dates([commit], tmp_path) == {}
