"""How configurations are read: what is refused before anything of them is used, at once and in little memory."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from capacity.errors import ConfigurationError, InputError
from capacity.experiment import configuration, configuration_files
from capacity.experiment.configuration_files import DEEPEST, MOST_BYTES, check_extent, read_configuration, with_numbers
from capacity.experiment.plan import make_plan
from tests.support.configuration_slips import GRID, SMALL, changed
from tests.support.repository import REPOSITORY

SECONDS = 8.0  # four times what is promised, for machines that do much else
MOST_MB = 500


@contextmanager
def soon_and_small() -> Iterator[None]:
    """Check that the block takes little time, and raises the peak memory of this process by little."""
    start, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.perf_counter() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MOST_MB * 1000


def written(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """Return what a file is refused with, which takes little time and memory."""
    with soon_and_small(), pytest.raises(InputError) as caught:
        check_extent(read_configuration(path))
    return str(caught.value)


def test_the_shipped_configuration_is_read_as_yaml_and_as_json(tmp_path):
    config = read_configuration(REPOSITORY / "config.yaml")
    assert read_configuration(written(tmp_path, json.dumps(config), "config.json")) == config
    assert read_configuration(written(tmp_path, json.dumps(config), "whatever")) == config
    assert (REPOSITORY / "config.yaml").stat().st_size < MOST_BYTES / 4


@pytest.mark.parametrize("name", ["config.json", "config.yaml"])
@pytest.mark.parametrize(
    "text", ['{"budget": "laptop", "budget": "paper"}', '{"studies": {"base": {"title": "x", "title": "x"}}}']
)
def test_a_key_that_appears_twice_is_refused_in_json_too(tmp_path, name, text):
    path = written(tmp_path, text, name)
    assert refusal(path) in (f"{path}: the key 'budget' appears twice", f"{path}: the key 'title' appears twice")


def chain(link: str) -> str:
    """Return YAML in which each of twelve lines refers nine times to the one before: 9**12 values in all."""
    lines = [link.format(here=0, before="{}")]
    lines += [link.format(here=number + 1, before=", ".join([f"*a{number}"] * 9)) for number in range(12)]
    return "\n".join(lines)


READ_AS_TEXT = {
    "dates that cannot be": ("a: 2001-99-99", "line 1 is not YAML of plain values but of the kind 'timestamp'"),
    "dates": ("x: 1\na: 2001-01-01", "line 2 is not YAML of plain values"),
    "bytes": ("a: !!binary aGk=", "of the kind 'binary'"),
    "objects": ("a: !!python/name:os.system", "is not YAML of plain values"),
    "a tag that does not fit": ("a: !!int x", "is not YAML"),
    "another": ("a: !!bool x", "is not YAML"),
    "nothing but a prefix": ("a: 0b_", "is not YAML"),
    "thousands of digits": ("a: " + "9" * 5000, "an integer of 5,000 digits, more than 18"),
    "hexadecimal ones": ("a: 0x" + "f" * 5000, "an integer of 5,002 digits"),
    "sexagesimal ones": ("a: 1" + ":59" * 5000, "an integer of 15,001 digits"),
    "deep lists": ("a: " + "[" * 50_000, "line 1: mappings and lists are nested more than 20 deep"),
    "deep lists that end": ("[" * 50_000 + "]" * 50_000, "nested more than 20 deep"),
    "deep mappings": ("{" * 50_000, "line 1: mappings and lists are nested more than 20 deep"),
    "deep dashes": ("- " * 50_000, "line 1: mappings and lists are nested more than 20 deep"),
    "questions": ("? " * 50_000, "line 1: mappings and lists are nested more than 20 deep"),
    "aliases of aliases": (chain("a{here}: &a{here} [{before}]"), "values"),
    "merges of merges": (chain("a{here}: &a{here} {{<<: [{before}], z{here}: 1}}"), "<< makes more than"),
    "a mapping that merges itself": ("a: &a {<<: *a}", "nested more than 20 deep"),
    "a list that holds itself": ("a: &a [*a]", "nested more than 20 deep"),
    "too many values": (json.dumps({"a": [0] * 50_000}), "more than 40,000 values"),
    "too many bytes": ("a: 1\n" * 10**6, "characters, more than 131,072"),
    "far too many bytes": ("[" + "1," * 10**7 + "1]", "bytes, the most that is read"),
    "digits in json": ('{"a": ' + "9" * 5000 + "}", "digits"),
    "a few digits too many in json": ('{"a": [1, ' + "9" * 20 + "]}", "a[1]: an integer of some"),
}


@pytest.mark.parametrize("name", READ_AS_TEXT)
def test_what_no_configuration_holds_is_refused_at_once(tmp_path, name):
    text, said = READ_AS_TEXT[name]
    found = refusal(written(tmp_path, text))
    assert said in found
    assert len(found) < 2000


@pytest.mark.parametrize("read", [read_configuration, configuration_files.read_yaml])
@pytest.mark.parametrize(("what", "said"), [("pipe", "is a pipe"), ("device", "is a device")])
def test_what_is_no_file_is_not_waited_for(tmp_path, read, what, said):
    path = tmp_path / "config.yaml"
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=said):
        read(path)


def test_numbers_of_the_command_line_are_numbers_and_its_text_is_text():
    said = {
        "a": {"b": "2", "c": ["0.01", "1.0e-3", "1e-3", "0-9", "true", "null", "a: b", "[1", "n14"]},
        "d": "x",
        "e": 3,
    }
    made = {"a": {"b": 2, "c": [0.01, 0.001, "1e-3", "0-9", True, None, "a: b", "[1", "n14"]}, "d": "x", "e": 3}
    assert with_numbers(said) == made


MANY = [0.01 * (number + 1) / 9000 for number in range(9000)]
SCATTERED = list(range(0, 400_000, 20))
# What is planned: one key of a small configuration, its value, and the key and words of the refusal.
TOO_MUCH: list[tuple[str, Any, str, str]] = [
    (f"{GRID}.seeds", ["0-99999"], "budgets.small.seeds_per_job", "more than 20,000 training jobs"),
    (GRID, {"task": ["facts"], "size": ["n14"], "learning_rate": MANY, "seeds": ["0-19999"]},
     "studies.one.grids[0].seeds", "more than 500,000 together"),
    (GRID, {"task": ["facts", "joint"], "size": ["n14"], "learning_rate": MANY, "seeds": [0]},
     "studies.one.grids[0]", "more than 10,000"),
    ("studies.one.grids", [{"task": ["facts"], "size": ["n14"], "learning_rate": MANY[:600], "seeds": [0],
     "corpus_seed": [number]} for number in range(18)], "studies.one.grids[16]", "more than 10,000"),
    (f"{GRID}.seeds", [*range(0, 30_000, 2), "1-1", *(f"{n}-{n}" for n in range(3, 15_000, 2)), "1-1"],
     "studies.one.grids[0].seeds", "'1-1' appears twice"),
    (f"{GRID}.learning_rate", ["x"] * 39_000, "studies.one.grids[0].learning_rate", "'x'"),
    (f"{GRID}.seeds", ["x"] * 39_000, "studies.one.grids[0].seeds", "'x'"),
    (f"{GRID}.batch", [10**5000], "studies.one.grids[0].batch[0]", "an integer of some 5,001 digits"),
    (f"{GRID}.batch", [{10**5000: 1}], "studies.one.grids[0].batch[0]", "an integer of some 5,001 digits"),
    (f"{GRID}.batch", list(range(10**6)), "studies.one.grids[0].batch", "more than 40,000 values"),
    ("budgets.small.cells", [{"seeds": ["0-99999"]}] * 101, "budgets.small.cells", "at most 100 entries"),
    ("budgets.small.leave_out", [{"task": ["facts"]}] * 101, "budgets.small.leave_out", "at most 100 entries"),
    ("studies", {f"s{number}": SMALL["studies"]["one"] for number in range(201)}, "studies", "at most 200"),
    ("sizes", {f"s{number}": SMALL["sizes"]["wide"] for number in range(201)}, "sizes", "at most 200"),
    ("budgets", {f"s{number}": SMALL["budgets"]["small"] for number in range(201)}, "budgets", "at most 200"),
    ("x" * 10**6, 1, "'xxx", "unknown key"),
    ("\x1b[2J\u202e", 1, "'\\x1b[2J\\u202e'", "unknown key"),
    ("snapshots.updates", 10**12, "snapshots.updates", "a number of updates"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "key", "words"), TOO_MUCH, ids=[f"{row[2]:.60}-{row[3]}" for row in TOO_MUCH]
)
def test_what_is_too_much_is_refused_by_key_in_seconds_and_little_memory(path, value, key, words):
    config = changed(path, value)
    with soon_and_small(), pytest.raises(ConfigurationError) as caught:
        make_plan(config, None, configuration.validate(config))
    found = str(caught.value)
    assert found.startswith(key)
    assert words in found
    assert len(found) < 2000
    assert found.isprintable()


def test_the_end_of_a_long_study_is_refused_in_seconds():
    """The cells before the one that is wrong are all made."""
    grids: list[dict[str, Any]] = [{"task": ["facts"], "size": ["n14"], "learning_rate": MANY, "seeds": [0]}]
    config = changed(
        "studies.one.grids", [*grids, {"task": ["facts"], "size": ["n14"], "block": [60_000], "seeds": [0]}]
    )
    with soon_and_small(), pytest.raises(ConfigurationError, match=r"studies\.one\.grids\[1\]\.block: 60000"):
        configuration.validate(config)


def test_scattered_seeds_become_several_jobs_whose_folders_have_names_that_fit():
    config = changed("budgets.small.seeds_per_job", 4096, changed(f"{GRID}.seeds", SCATTERED))
    plan = make_plan(config, None, configuration.validate(config))
    folders = [job.folder for job in plan.table("one").jobs]
    assert 600 < len(folders) < 800
    assert max(len(folder.rsplit("/", 1)[1]) for folder in folders) <= 255 - len("task=facts")
    assert sorted(seed for job in plan.table("one").jobs for seed in job.seeds) == SCATTERED


def test_an_extent_within_the_bounds_is_taken():
    value: Any = 10**18 - 1
    for _ in range(DEEPEST - 1):
        value = [value]
    check_extent({"a": value})
    with pytest.raises(ConfigurationError, match="nested"):
        check_extent({"a": [value]})
