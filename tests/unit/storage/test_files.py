from __future__ import annotations

import ast
import json
import math
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import capacity
from capacity.storage import code, files, json_files, parquet
from capacity.storage import provenance as storage_provenance
from capacity.storage.provenance import git_commit

PACKAGE = Path(capacity.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
STAGES = [
    module
    for module in MODULES
    if any(
        isinstance(node, ast.FunctionDef) and node.name == "main"
        for node in ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8")).body
    )
]
# Imports each stage in turn with no module of the package loaded, and lists those that are loaded then.
CLOSURES = """
import importlib, json, sys
def ours():
    return [name for name in sys.modules if name == "capacity" or name.startswith("capacity.")]
found = {}
for stage in sys.argv[1:]:
    for name in ours():
        del sys.modules[name]
    importlib.import_module("capacity." + stage)
    found[stage] = sorted(name.removeprefix("capacity.") for name in ours())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def closures() -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-c", CLOSURES, *STAGES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def copied_package(tmp_path, monkeypatch) -> Path:
    """A copy of the package whose sources :mod:`capacity.storage.files` reads instead of its own."""
    copied = tmp_path / "capacity"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(files, "__file__", str(copied / "files.py"))
    return copied


def table(rows: int = 1000) -> pa.Table:
    return pa.table({"seed": range(rows), "loss": [0.5 * number for number in range(rows)]})


def write_half(path: Path, error: BaseException) -> None:
    with files.atomic(path) as temporary:
        temporary.write_text("half of the new")
        raise error


def test_a_block_that_raises_leaves_the_old_file_whole_and_nothing_behind(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"):
        write_half(path, RuntimeError("stopped"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_first_write_leaves_no_file(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "new.json", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_ends_well_replaces_the_file_and_makes_its_folder(tmp_path):
    path = tmp_path / "a" / "b" / "result.txt"
    for text in ("first", "second"):
        with files.atomic(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.suffix == path.suffix
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    json_files.write_json(tmp_path / "value.json", 1)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "value.json")}
    assert len(modes) == 1


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é"]}, [], 0, "text"])
def test_json_survives_the_round_trip(value, tmp_path):
    json_files.write_json(tmp_path / "value.json", value)
    assert json_files.read_json(tmp_path / "value.json") == value
    assert (tmp_path / "value.json").read_text().endswith("\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_json_does_not_have_and_keeps_the_old_file(value, tmp_path):
    path = tmp_path / "value.json"
    json_files.write_json(path, {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_files.write_json(path, {"loss": [value]})
    assert json_files.read_json(path) == {"loss": 1.0}
    assert list(tmp_path.iterdir()) == [path]


def test_json_cut_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "value.json"
    json_files.write_json(path, {"seeds": [1, 2], "cell": "task=facts", "loss": None})
    whole = path.read_text().rstrip()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        with pytest.raises(ValueError, match=r"value\.json is not a whole JSON file"):
            json_files.read_json(path)


def test_parquet_survives_the_round_trip_with_its_provenance(tmp_path):
    path = tmp_path / "table.parquet"
    provenance = {"stage": "train", "settings": {"held_out": [[5, 7]], "é": None}}
    parquet.write_parquet(path, table().replace_schema_metadata({"other": "kept"}), provenance)
    found = parquet.read_parquet(path)
    assert found.to_pydict() == table().to_pydict()
    assert parquet.provenance_of(found) == provenance
    assert found.schema.metadata[b"other"] == b"kept"


def test_parquet_is_the_same_bytes_every_time(tmp_path):
    for name, provenance in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        parquet.write_parquet(tmp_path / name, table(), provenance)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parquet_cut_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_parquet(path, table(), {})
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), 1, 4, 8, 12, len(whole) - 8, len(whole) - 4, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"table\.parquet is not a whole Parquet file"):
            parquet.read_parquet(path)


@pytest.mark.parametrize("read", [json_files.read_json, parquet.read_parquet])
def test_a_file_that_is_not_there_says_so(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read(tmp_path / "absent")


def test_there_are_stages():
    assert {"corpus", "train", "evaluate"} <= set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_the_modules_of_a_stage_are_those_that_its_import_loads(stage, closures):
    assert code.stage_modules(stage) == closures[stage]


@pytest.mark.parametrize("stage", sorted({*STAGES} - {"train", "evaluate"}))
def test_a_stage_without_networks_does_without_torch(stage):
    """To import it takes longer than to make most tables."""
    sources = {name: PACKAGE / f"{name}.py" for name in code.stage_modules(stage) if name != "capacity"}
    assert [
        name for name, path in sources.items() if re.search(r"^(import|from) .*torch", path.read_text(), re.M)
    ] == []


@pytest.mark.parametrize("stage", ["corpus", "train"])
def test_the_digest_follows_the_modules_of_the_stage_and_no_others(stage, closures, copied_package):
    before = code.source_digest(stage)
    assert before == code.source_digest(stage)
    for module in [*MODULES, "capacity"]:
        path = copied_package / ("__init__.py" if module == "capacity" else f"{module}.py")
        whole = path.read_bytes()
        path.write_bytes(whole + b"# changed\n")
        assert (code.source_digest(stage) != before) == (module in closures[stage]), module
        path.write_bytes(whole)
    assert code.source_digest(stage) == before


def test_the_digest_of_a_copy_is_that_of_the_original(copied_package, monkeypatch):
    copied = {stage: code.source_digest(stage) for stage in STAGES}
    monkeypatch.undo()
    assert {stage: code.source_digest(stage) for stage in STAGES} == copied


def test_an_import_inside_a_function_counts(copied_package):
    before = code.stage_modules("vocabulary")
    with (copied_package / "vocabulary.py").open("a") as source:
        source.write("\ndef later():\n    from capacity.tasks import CAPITALS\n    import capacity.model\n")
    assert set(code.stage_modules("vocabulary")) >= {*before, "tasks", "model", "protocol"}


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


def test_what_a_killed_process_left_unfinished_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "whole.json").write_text("{}")
    (tmp_path / ".folder").mkdir()
    with files.atomic(tmp_path / "part.json") as temporary:
        left = Path(shutil.copy(temporary, tmp_path / temporary.name.replace("part", "other")))
        temporary.write_text("{}")
    assert left.exists()
    files.remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".folder", "part.json", "whole.json"]


def test_a_table_in_pieces_is_read_as_the_whole_table_is_and_piece_by_piece(tmp_path):
    whole = pa.table({"x": [1, None, 3, 4], "name": ["a", "bé", None, ""], "ok": [True, None, False, True]})
    parquet.write_parquet_pieces(tmp_path / "pieces", whole.schema, [whole[:1], whole[1:3], whole[3:]], {"stage": "x"})
    assert parquet.read_parquet(tmp_path / "pieces").to_pydict() == whole.to_pydict()
    found = list(parquet.read_parquet_pieces(tmp_path / "pieces"))
    assert [len(piece) for piece in found] == [1, 2, 1]
    assert pa.concat_tables(found).to_pydict() == whole.to_pydict()
    assert parquet.provenance_of(found[-1]) == parquet.read_provenance(tmp_path / "pieces") == {"stage": "x"}
    parquet.write_parquet(tmp_path / "whole", whole, {"stage": "x"})
    sums = [pq.read_metadata(tmp_path / name).metadata[b"sha256"] for name in ("pieces", "whole")]
    assert sums[0] == sums[1]


def test_a_piece_that_was_exchanged_is_found_out_at_the_end(tmp_path):
    whole = pa.table({"x": [1, 2, 3, 4]})
    parquet.write_parquet(tmp_path / "table.parquet", whole, {})
    about = pq.read_metadata(tmp_path / "table.parquet").metadata
    with pq.ParquetWriter(tmp_path / "table.parquet", whole.schema) as writer:
        for piece in (whole[:2], whole[:2]):
            writer.write_table(piece)
        writer.add_key_value_metadata({key: about[key] for key in (b"provenance", b"sha256")})
    with pytest.raises(ValueError, match=r"table\.parquet is damaged"):
        list(parquet.read_parquet_pieces(tmp_path / "table.parquet"))


def test_json_whose_text_has_changed_is_refused_even_if_its_values_have_not(tmp_path):
    json_files.write_sealed_json(tmp_path / "value.json", {"x": 1.0, "y": {}})
    assert json_files.read_sealed_json(tmp_path / "value.json") == {"x": 1.0, "y": {}}
    text = (tmp_path / "value.json").read_text()
    (tmp_path / "value.json").write_text(text.replace("1.0", "1.00"))
    with pytest.raises(ValueError, match=r"value\.json is damaged"):
        json_files.read_sealed_json(tmp_path / "value.json")
