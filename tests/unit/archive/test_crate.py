"""The crate answers what its profile asks: which code made a file, from what, when, for how long."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

from capacity.archive.contents import read_contents
from capacity.archive.crate import crate as metadata_of
from capacity.archive.executed_jobs import executed_jobs, read_times
from capacity.errors import InputError
from capacity.experiment.plan import make_plan
from capacity.storage import code, json_files
from tests.support import validators
from tests.support.commands import run_command
from tests.unit.archive.conftest import CONFIG, SECONDS

ARITHMETIC = sorted(make_plan(CONFIG, None).cells)[0]
FOLDER = f"results/cells/{ARITHMETIC}/seeds=0-1"
WEIGHTS, SUMMARY, FIGURE = f"{FOLDER}/weights.safetensors", "results/tables/base/summary.parquet", "results/findings.md"
NOT_KNOWN = {
    "process-run-crate-0.5_3.2": "tools have no address",
    "process-run-crate-0.5_5.1": "nor an identifier that is one",
    "process-run-crate-0.5_8.6": "nobody writes down who ran the workflow",
    "ro-crate-1.1_22.3": "nobody has published it",
    "ro-crate-1.1_31.2": "the authors of the workflow have no address",
}
"""What the profile recommends and the archive cannot know."""


@pytest.fixture(scope="module")
def crate(unpacked):
    return ROCrate(unpacked)


def made_by(crate, path):
    """The action that made a file."""
    actions = [entity for entity in crate.get_entities() if entity.type == "CreateAction" and entity.id != "#run"]
    (action,) = [each for each in actions if path in names(each, "result")]
    return action


def names(entity, name):
    """The names of the files of an entity, which are their paths: in identifiers, some characters are coded."""
    return [file["name"] for file in listed(entity, name)]


def listed(entity, name):
    value = entity.get(name, [])
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def issues(unpacked):
    return validators.crate_issues(unpacked)


def test_roc_validator_passes_it(issues):
    assert issues["REQUIRED"] == []


def test_it_follows_the_recommendations_for_what_it_knows(issues):
    assert [issue for issue in issues["RECOMMENDED"] if issue[0] not in NOT_KNOWN] == []


def test_roc_validator_would_find_what_is_missing(unpacked, tmp_path):
    """The run as a whole without its instrument, and without the files, which would take the validator seconds."""
    metadata = json.loads((unpacked / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    kept = ("./", "ro-crate-metadata.json", "code/workflow/Snakefile", "#run")
    metadata["@graph"] = [entity for entity in metadata["@graph"] if entity["@id"] in kept]
    assert metadata["@graph"][-1].pop("instrument")
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    issues = validators.crate_issues(tmp_path, 50)
    assert any("instrument" in message for _, message in issues["REQUIRED"])


def test_which_code_made_this_file(crate, unpacked):
    tool = made_by(crate, WEIGHTS)["instrument"]
    digest = code.source_digest("train", "arithmetic")
    assert (tool["name"], tool["identifier"]) == ("python -m capacity train", f"sha256:{digest}")
    modules = set(names(tool, "hasPart"))
    assert {"code/src/capacity/training/optimizer.py", "code/src/capacity/tasks/arithmetic.py"} <= modules
    assert "code/src/capacity/tasks/facts.py" not in modules
    assert all((unpacked / each).is_file() for each in modules)
    record = json_files.read_sealed_json(unpacked / FOLDER / "run.json")
    assert tool["releaseNotes"] == f"git commit {record['git_commit']}"


def test_from_what_it_was_made(crate, unpacked):
    assert names(made_by(crate, WEIGHTS), "object") == ["results/corpora/arithmetic.parquet"]
    read = set(names(made_by(crate, SUMMARY), "object"))
    assert {"results/plans/base.json", f"{FOLDER}/evaluation.json", f"{FOLDER}/mechanism.parquet"} <= read
    evaluated = names(made_by(crate, f"{FOLDER}/evaluation.json"), "object")
    assert evaluated == ["results/corpora/arithmetic.parquet", WEIGHTS, f"{FOLDER}/history.parquet"]


def test_everything_comes_down_to_corpora_and_the_configuration(crate):
    """From a page back to files that no job has read anything for."""
    waiting, seen, roots = ["results/explorer.html"], set(), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path == "results/configuration.json":
            roots.add(path)
            continue
        read = names(made_by(crate, path), "object")
        waiting += read
        if not read:
            roots.add(path)
    assert roots == {
        "results/configuration.json", "results/corpora/arithmetic.parquet", "results/corpora/facts.parquet",
    }  # fmt: skip
    assert WEIGHTS in seen


def test_when_and_for_how_long(crate, made):
    action = made_by(crate, FIGURE)
    started, ended = (datetime.fromisoformat(action[name]) for name in ("startTime", "endTime"))
    newest = max((made / path).stat().st_mtime for path in (FIGURE, FIGURE.replace(".md", ".json")))
    assert abs(ended.timestamp() - newest) < 0.01
    assert SECONDS - 0.01 < (ended - started).total_seconds() < SECONDS + 60
    assert started.tzinfo == UTC


def test_how_long_networks_were_trained(crate, unpacked):
    usage = made_by(crate, WEIGHTS)["resourceUsage"]
    timing = json_files.read_sealed_json(unpacked / FOLDER / "timing.json")
    assert (usage["value"], usage["unitCode"]) == (str(timing["wall_seconds"]), "http://qudt.org/vocab/unit/SEC")


def test_who_carried_it_out_and_how(crate):
    action = made_by(crate, WEIGHTS)
    (control,) = [
        each for each in crate.get_entities() if each.type == "ControlAction" and each["object"].id == action.id
    ]
    assert control["instrument"]["name"] == "train"
    assert action["instrument"] in listed(control["instrument"], "workExample")
    (organized,) = [each for each in crate.get_entities() if each.type == "OrganizeAction"]
    assert (organized["instrument"]["name"], organized["result"].id) == ("Snakemake", "#run")
    assert control in organized["object"]
    run = crate.get("#run")
    assert run["instrument"].id == crate.mainEntity.id == "code/workflow/Snakefile"
    assert "results/configuration.json" in {each.id for each in run["object"]}


def test_every_file_is_in_it_with_its_digest(crate, unpacked):
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    parts = {unquote(part.id): part for part in crate.root_dataset["hasPart"]}
    assert set(parts) == files - {"ro-crate-metadata.json"}
    for path in (WEIGHTS, SUMMARY, FIGURE, "cards/n14.md"):
        content = (unpacked / path).read_bytes()
        assert parts[path]["sha256"] == hashlib.sha256(content).hexdigest()
        assert parts[path]["contentSize"] == str(len(content))


def test_every_result_was_made_by_exactly_one_job(crate, unpacked):
    files = {path.relative_to(unpacked).as_posix() for path in (unpacked / "results").rglob("*") if path.is_file()}
    for path in files - {"results/configuration.json"}:
        made_by(crate, path)


def test_code_of_another_commit_is_named_by_it(results, tmp_path):
    """Networks that were unpacked: other code has trained them, and nobody knows when."""
    shutil.copytree(results, tmp_path / "results", ignore=shutil.ignore_patterns("archive.*"))
    folder = tmp_path / FOLDER
    old = {"source_digest": "f" * 64, "git_commit": "abc"}
    run = json_files.read_sealed_json(folder / "run.json") | old
    metadata = ROCrate(_archived_graph(tmp_path, run, folder))
    tool = made_by(metadata, WEIGHTS)["instrument"]
    assert tool["description"] == "Made by other code than that of this archive: commit abc."
    assert "hasPart" not in tool.properties()
    assert "startTime" not in made_by(metadata, WEIGHTS).properties()


def _archived_graph(root, run, folder):
    contents = read_contents(root / "results", root / "results/configuration.json")
    json_files.write_sealed_json(folder / "run.json", run)
    jobs = executed_jobs(contents, {})
    paths = [*contents.files, "code/workflow/Snakefile", "README.md"]
    return json.loads(metadata_of(contents, jobs, dict.fromkeys(paths, "0" * 64), dict.fromkeys(paths, 1), 0.0, None))


def test_a_record_that_names_a_file_of_other_results_is_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "results", ignore=shutil.ignore_patterns("archive.*"))
    contents = read_contents(tmp_path / "results", tmp_path / "results/configuration.json")
    path = tmp_path / "results/methods.json"
    record = json_files.read_sealed_json(path)
    json_files.write_sealed_json(path, record | {"read": {"tables/other/runs.parquet": "0" * 64}})
    with pytest.raises(InputError, match=r"methods.json names results/tables/other/runs.parquet, which is not among"):
        executed_jobs(contents, {})


def test_times_of_files_that_were_put_there_later_are_not_taken(results, tmp_path):
    contents = read_contents(results, results / "configuration.json")
    times = read_times(Path(".snakemake/metadata"), contents)
    assert set(times) == set(contents.files) - {"results/configuration.json"}
    weights = contents.files[WEIGHTS]
    status = weights.stat()
    try:
        os.utime(weights, (0, 0))
        assert set(times) - set(read_times(Path(".snakemake/metadata"), contents)) == {WEIGHTS}
    finally:
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read_times(tmp_path / "nowhere", contents) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"starttime": null, "endtime": 3}', '{"endtime": "soon"}'])
def test_metadata_that_are_cut_off_or_of_another_form_give_no_time(results, tmp_path, content):
    contents = read_contents(results, results / "configuration.json")
    shutil.copytree(".snakemake", tmp_path / ".snakemake")
    for path in (tmp_path / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            path.write_text(content, encoding="utf-8")
    (tmp_path / ".snakemake/metadata/not base64!").write_text("{}", encoding="utf-8")
    assert read_times(tmp_path / ".snakemake/metadata", contents) == {}


def test_results_without_metadata_are_archived_without_times(results, tmp_path):
    run_command("archive", "--metadata", tmp_path / "nowhere", "--output", tmp_path / "archive.zip")
    shutil.unpack_archive(tmp_path / "archive.zip", tmp_path / "unpacked")
    actions = [entity for entity in ROCrate(tmp_path / "unpacked").get_entities() if entity.type == "CreateAction"]
    assert actions
    assert [each for each in actions if "startTime" in each.properties() or "endTime" in each.properties()] == []
    readme = (tmp_path / "unpacked/README.md").read_text(encoding="utf-8")
    assert re.search(r"Of \d+ jobs, 0 have the times", readme)
