"""A campaign of damages: files of finished results are damaged or forged at random, and nothing takes them for right.

``python -m tests.faults.damages --count 1000 --seed 1`` from the root of the repository. Results are made by the
commands of the workflow. Then, again and again, some files are damaged: a bit turned over, cut short, emptied, removed,
exchanged with another, or replaced by a link, a folder or a pipe. ``verify`` has to name each of them. A stage that
reads one has to refuse it by name, or to end in the same bytes where no value has changed. When the file is removed and
its stage run again, it has to have the bytes that it had.

Other files are forged: a column or a key is removed, made of another type or emptied, and the checksum made right. A
stage that reads one refuses it by name or ends well; nothing ends in a traceback, and nothing hangs.

It prints the counts, and each broken promise.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from rich.progress import track

from capacity.storage import json_files, parquet
from capacity.verification.results import verify
from tests.support.whole_results import Stage, configure, make, stages

DAMAGES = (
    *("bit turned over", "cut short", "emptied", "removed", "exchanged", "link to another"),
    *("link to nowhere", "link to itself", "folder", "pipe"),
)
FORGERIES = ("missing", "empty", "text", "number", "list", "mapping")
VALUES: dict[str, Any] = {"empty": None, "text": "x", "number": 0.5, "list": ["x"], "mapping": {}}
AT_ONCE = 8
"""Files that are damaged at once, which ``verify`` then looks at together."""
SECONDS = 120
"""After which a stage counts as one that hangs."""
RECORD = "run.json"
TIMING = "timing.json"
"""The only file that is another one each time."""
BESIDE = ("evaluation.json", "history.parquet", "answers.parquet")
"""Files of jobs that are compared with the record beside them when they are read."""


class Results:
    """Finished results in the current folder, which are put back after each damage."""

    def __init__(self) -> None:
        config = configure()
        make(Path(), config)
        self.stages = stages(config)
        self.kept = {path: path.read_bytes() for path in sorted(Path("results").rglob("*")) if path.is_file()}
        self.paths = [path for path in self.kept if path.name != "configuration.json"]

    def readers(self, path: Path) -> list[Stage]:
        """The stages that read a file."""
        of_job = {f"{path.parent}/{name}" for name in BESIDE} if path.name == RECORD else set()
        read = {str(path), *of_job}
        kinds = ("copy", "manifest", *(["evaluate"] if path.name == RECORD else []))
        return [stage for stage in self.stages if read.intersection(stage.reads) and stage.command not in kinds]

    def writer(self, path: Path) -> Any:
        """The stage that writes a file; None of the copies of figures."""
        return next((stage for stage in self.stages if str(path) in stage.writes), None)

    def records(self, path: Path) -> set[Path]:
        """The records with the checksum of a file: beside it, or, of a manifest or a copy, those that it is made of."""
        stage = next(each for each in self.stages if str(path) in (*each.writes, getattr(each, "target", "")))
        named = stage.reads if path.suffix == ".sha256" else stage.writes
        source = getattr(stage, "source", None)
        copied = [Path(source).with_suffix(".json")] if source else []
        return {*copied, *(Path(name) for name in named if name.endswith(".json") and name != str(path))}

    def restore(self, paths: Sequence[Path]) -> None:
        """Put files back as they were."""
        for path in paths:
            _remove(path)
            path.write_bytes(self.kept[path])

    def changed(self, names: Sequence[str]) -> list[Path]:
        """Those of some files that are not as they were, the times apart."""
        return [path for path in map(Path, names) if path.name != TIMING and _bytes(path) != self.kept[path]]


def damage(path: Path, kind: str, draws: Random, results: Results) -> bool:
    """Damage a file, and return whether that changes anything."""
    whole = results.kept[path]
    others = [each for each in results.paths if each.name == path.name and results.kept[each] != whole]
    others = others or [each for each in results.paths if each.suffix == path.suffix and results.kept[each] != whole]
    if kind in ("exchanged", "link to another") and not others:
        return False
    path.unlink()
    if kind == "bit turned over":
        content = bytearray(whole)
        content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
        path.write_bytes(content)
    elif kind in ("cut short", "emptied"):
        path.write_bytes(whole[: draws.randrange(1, len(whole)) if kind == "cut short" else 0])
    elif kind == "exchanged":
        path.write_bytes(results.kept[draws.choice(others)])
    elif kind == "link to another":
        other = Path("elsewhere", f"{len(list(Path('elsewhere').iterdir()))}{path.suffix}")
        other.write_bytes(results.kept[draws.choice(others)])
        path.symlink_to(other.resolve())
    elif kind == "link to nowhere":
        path.symlink_to("/nowhere/at/all")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    return True


def forge(path: Path, kind: str, draws: Random) -> str:
    """Change a column or a key of a file, with a checksum that fits, and return which; nothing if that is not possible.

    Keys are those of a JSON file, or of the provenance of a table, up to three levels deep.
    """
    if path.suffix == ".json":
        content = json_files.read_sealed_json(path)
        place = draws.choice(list(_places(content, 3)))
        changed = _changed(content, place, kind)
        if changed == content:
            return ""
        json_files.write_sealed_json(path, changed)
        return ".".join(map(str, place))
    table = parquet.read_parquet(path)
    origin = parquet.provenance_of(table)
    if draws.random() < 0.3:
        place = draws.choice(list(_places(origin, 3)))
        changed = _changed(origin, place, kind)
        if changed == origin:
            return ""
        parquet.write_parquet(path, table, changed)
        return ".".join(map(str, place))
    number = draws.randrange(table.num_columns)
    field, rows = table.schema.field(number), table.num_rows
    columns = {"empty": pa.nulls(rows, field.type), "text": pa.array(["x"] * rows), "number": pa.array([0.5] * rows)}
    columns |= {"list": pa.array([True] * rows), "mapping": pa.nulls(rows)}
    other = table.remove_column(number) if kind == "missing" else table.set_column(number, field.name, columns[kind])
    if other.equals(table):
        return ""
    parquet.write_parquet(path, other, origin)
    return f"column {field.name}"


def campaign(seed: int, count: int, quiet: bool = True) -> tuple[dict[str, Counter[str]], list[str]]:
    """Damage so many files, and forge as many, in the current folder.

    Returns the counts, of the damaged and of the forged files, and a line for each broken promise.
    """
    Path("elsewhere").mkdir()
    results, draws, broken = Results(), Random(seed), []
    counts: dict[str, Counter[str]] = {"damaged": Counter(), "forged": Counter()}
    for _ in track(range(0, count, AT_ONCE), "damages", disable=quiet):
        chosen = draws.sample(results.paths, AT_ONCE)
        kinds = {path: kind for path in chosen if damage(path, kind := draws.choice(DAMAGES), draws, results)}
        broken += _verified(kinds, counts["damaged"], results)
        shapes = {path: _shape(path) for path in kinds}
        results.restore(list(kinds))
        for path, kind in kinds.items():
            counts["damaged"][f"kind: {kind}"] += 1
            _put(path, shapes[path])
            broken += _read(results, path, kind, draws, counts["damaged"], may_take=kind == "removed")
            broken += _mended(results, path, kind, counts["damaged"])
    readable = [path for path in results.paths if path.suffix in (".json", ".parquet") and results.readers(path)]
    for _ in track(range(0, count, AT_ONCE), "forgeries", disable=quiet):
        chosen = draws.sample(readable, AT_ONCE)
        named = {path: forge(path, kind := draws.choice(FORGERIES), draws) and f"{kind} {path.name}" for path in chosen}
        kinds = {path: kind for path, kind in named.items() if kind}
        broken += _verified(kinds, counts["forged"])
        shapes = {path: _shape(path) for path in kinds}
        results.restore(chosen)
        for path, kind in kinds.items():
            _put(path, shapes[path])
            broken += _read(results, path, kind, draws, counts["forged"], may_take=True)
            results.restore([path])
    return counts, broken


def _verified(kinds: dict[Path, str], counts: Counter[str], results: Results | None = None) -> Iterator[str]:
    """Look at all results, of which some files are damaged or forged; yields what is damaged and not found.

    Of a file without a checksum in it nothing is known if its record is damaged at the same time: the command that
    mends the record makes the file anew.
    """
    counts["files"] += len(kinds)
    named: set[str] = set()
    said = _ended(lambda: named.update(finding.path for finding in verify(Path("results")).findings))
    if said:
        yield f"verify: {said} ({', '.join(map(str, kinds))})"
        return
    for path, kind in kinds.items():
        if path.relative_to("results").as_posix() in named:
            counts["found by verify"] += 1
        elif results is not None and results.records(path).intersection(kinds):
            counts["made anew with its record, which was damaged too"] += 1
        elif results is not None:
            yield f"{path}: {kind}: verify does not find it"


def _read(
    results: Results, path: Path, kind: str, draws: Random, counts: Counter[str], may_take: bool
) -> Iterator[str]:
    """Run a stage that reads a damaged file, and put back what it writes; yields what it does wrong."""
    readers = results.readers(path)
    if not readers:
        counts["read by no stage"] += 1
        return
    stage = draws.choice(readers)
    said = _ended(stage.run)
    changed = [each for each in results.changed(stage.writes) if not str(each).endswith(".json")]
    about = f"{stage.command} {path}: {kind}"
    if said is None:
        counts["taken"] += 1
        if changed and not may_take:
            yield f"{about}: taken, and {changed[0]} is another one"
    elif said.startswith("error: ") and str(path) in said and "\n" not in said:
        counts["refused by name"] += 1
        if results.changed(stage.writes):
            yield f"{about}: refused, and yet something was written"
    elif said.startswith("error: ") and may_take:
        counts["refused by the name of another file"] += 1
    else:
        yield f"{about}: {said}"
    results.restore([Path(name) for name in stage.writes])


def _mended(results: Results, path: Path, kind: str, counts: Counter[str]) -> Iterator[str]:
    """Remove a damaged file and run its stage, as the command that ``verify`` prints does; yields what goes wrong."""
    _remove(path)
    stage = results.writer(path)
    if stage is None:  # the copy of a figure, which Snakemake copies again
        results.restore([path])
        return
    for name in stage.writes:  # as Snakemake removes what a job is to write
        _remove(Path(name))
    said = _ended(stage.run)
    if said is not None or results.changed(stage.writes):
        yield f"{path}: {kind}: {stage.command} does not make it anew: {said}"
    else:
        counts["made anew in the same bytes"] += 1
    results.restore([Path(name) for name in stage.writes])


def _ended(work: Callable[[], Any]) -> str | None:
    """Do something and return what it ends with: nothing, the message of a refusal, or a fault in words."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"it hangs for more than {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            work()
        return None
    except SystemExit as leaving:
        return str(leaving.code)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def _places(value: Any, depth: int) -> Iterator[tuple[str | int, ...]]:
    """Yield where the values in nested mappings and lists are; of a list, the first."""
    if not depth or not isinstance(value, dict | list):
        return
    for key in value if isinstance(value, dict) else range(min(len(value), 1)):
        yield (key,)
        for place in _places(value[key], depth - 1):
            yield (key, *place)


def _changed(value: Any, place: Sequence[Any], kind: str) -> Any:
    changed = copy.deepcopy(value)
    *way, last = place
    inner = changed
    for step in way:
        inner = inner[step]
    if kind == "missing":
        del inner[last]
    else:
        inner[last] = VALUES[kind]
    return changed


Shape = tuple[str, bytes]


def _shape(path: Path) -> Shape:
    """What there is in place of a file."""
    if path.is_symlink():
        return "link", os.fsencode(path.readlink())
    if path.is_dir():
        return "folder", b""
    if path.is_fifo():
        return "pipe", b""
    return ("file", path.read_bytes()) if path.exists() else ("nothing", b"")


def _put(path: Path, shape: Shape) -> None:
    """Put there what :func:`_shape` said."""
    _remove(path)
    kind, content = shape
    if kind == "link":
        path.symlink_to(os.fsdecode(content))
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "file":
        path.write_bytes(content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def main() -> None:
    """Run a campaign. The exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.damages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1000, help="how many files to damage, and how many to forge")
    parser.add_argument("--seed", type=int, default=1, help="another seed damages others")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        counts, broken = campaign(arguments.seed, arguments.count, quiet=not sys.stderr.isatty())
    print(json.dumps({name: dict(sorted(of_kind.items())) for name, of_kind in counts.items()}, indent=1))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
