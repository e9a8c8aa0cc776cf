"""Full and read-only disks: real ones, mounted where that is possible (Linux, in a mount namespace of its own, so that
nothing is left behind). What the system's errors become is tested everywhere, in test_files.py."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import SOURCE

FULL = r"cannot be written: the disk is full; make room and run the same command again"


def namespace(script: str, folder: Path, *arguments: str) -> str:
    """What a shell script prints that may mount what it likes over ``folder``, its first argument."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-ec", script, "sh", str(folder), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(SOURCE), "PYTHON": sys.executable}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def disk(tmp_path) -> Path:
    """A folder over which a disk can be mounted."""
    (tmp_path / "disk").mkdir()
    try:
        namespace('mount -t tmpfs -o size=64k none "$1"', tmp_path / "disk")
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"no disk can be mounted here, so only the faked errors are tested: {error}")
    return tmp_path / "disk"


WRITERS = """
import json, sys
from pathlib import Path
import matplotlib.figure, numpy, pyarrow as pa
from capacity.experiment.cell import make_cell
from capacity.figures import style
from capacity.model import initialization, weights
from capacity.paper.protocol import Size
from capacity.storage import files, json_files, parquet
from capacity.tables import frames
from capacity.training import snapshots

disk, cell = Path(sys.argv[1]), make_cell("facts", Size(1, 1, 64, 2))
numbers = numpy.random.default_rng(0).random(20_000)
parameters = initialization.initialise(cell.size, 50, cell.block, [0])
frame = pa.table({"x": numbers}).to_pandas()
figure = matplotlib.figure.Figure()
figure.subplots().imshow(numbers.reshape(100, 200))
WRITERS = {
    "parquet": lambda folder: parquet.write_parquet(folder / "table.parquet", pa.table({"x": numbers}), {}),
    "json": lambda folder: json_files.write_json(folder / "value.json", numbers.tolist()),
    "weights": lambda folder: weights.save(folder / "weights.safetensors", parameters, cell, (0,)),
    "frame": lambda folder: frames.write_table(folder, "frame", frame, {}),
    "page": lambda folder: files.write_text(folder / "page.md", "x" * 200_000),
    "snapshot": lambda folder: snapshots.write(folder, snapshots.Snapshot(1, parameters, [{"seed": 0}]), {}),
    "figure": lambda folder: style.save(figure, folder / "figure.pdf", folder / "figure.png"),
}
found = {}
for room in (0, 8, 40):  # KiB
    (disk / "ballast").write_bytes(bytes(1024 * (64 - room)))
    for name, write in WRITERS.items():
        try:
            write(disk / name)
            said = ""
        except Exception as error:
            said = f"{type(error).__name__} {error}"
        found[f"{name} with {room} KiB"] = said, [path.name for path in disk.rglob("*") if path.is_file()]
print(json.dumps(found))
"""


def test_every_writer_says_on_a_full_disk_that_it_is_full_and_leaves_nothing_half_written(disk):
    script = 'mount -t tmpfs -o size=64k none "$1"; exec "$PYTHON" -c "$2" "$1"'
    found = json.loads(namespace(script, disk, WRITERS))
    assert len(found) == 21
    for name, (said, left) in found.items():
        assert said.startswith(f"OSError [Errno {errno.ENOSPC}] {disk}/"), name
        assert said.endswith(FULL), name
        assert left == ["ballast"], name


def test_a_stage_goes_on_after_room_is_made_with_the_bytes_of_one_that_never_failed(disk, tmp_path):
    script = """
        mount -t tmpfs -o size=64k none "$1"
        mkdir "$1/results"
        dd if=/dev/zero of="$1/ballast" bs=1k count=60 2> /dev/null
        run() { "$PYTHON" -m capacity corpus "$2" --output "$1/results/corpus.parquet"; }
        if run "$@" 2> "$3/said"; then exit 9; fi
        find "$1" -type f
        rm "$1/ballast"
        run "$@"
        cp "$1/results/corpus.parquet" "$3/after.parquet"
    """
    name = "task=joint/size=n14/variant=paper"
    left = namespace(script, disk, name, str(tmp_path))
    assert left.split() == [f"{disk}/ballast"]
    said = (tmp_path / "said").read_text()
    assert said == f"error: [Errno 28] {disk}/results/corpus.parquet {FULL}\n"
    never = [sys.executable, "-m", "capacity", "corpus", name, "--output", str(tmp_path / "never.parquet")]
    subprocess.run(never, check=True, env=os.environ | {"PYTHONPATH": str(SOURCE)})
    assert (tmp_path / "after.parquet").read_bytes() == (tmp_path / "never.parquet").read_bytes()


def test_a_read_only_disk_is_said_to_be_one(disk):
    script = """
        mount -t tmpfs none "$1"; mount -o remount,ro "$1"
        "$PYTHON" -c "$2" "$1"
    """
    program = """
import sys
from pathlib import Path
from capacity.errors import InputError
from capacity.storage import files, json_files
for attempt in (lambda: json_files.write_json(sys.argv[1] + "/new/value.json", 1),
                lambda: json_files.write_json(sys.argv[1] + "/value.json", 1),
                lambda: files.check_writable(Path(sys.argv[1]) / "results/deeper")):
    try:
        attempt()
    except (InputError, OSError) as error:
        print(f"error: {error}")
"""
    first, second, third = namespace(script, disk, program).splitlines()
    read_only = "cannot be written: its file system is read-only; choose another folder"
    assert first == f"error: [Errno 30] {disk}/new/value.json {read_only}"
    assert second == f"error: [Errno 30] {disk}/value.json {read_only}"
    assert third.startswith(f"error: nothing can be written in {disk}: it is read-only")
