from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.experiment.cell import Cell, make_cell
from capacity.storage import json_files
from capacity.training import loop, snapshots
from capacity.training.execution import KERNELS, Execution
from capacity.training.interruptions import InterruptedTrainingError
from capacity.training.path import kernel_of
from capacity.training.snapshots import DamagedSnapshotError, Snapshot, Snapshots
from tests.support.short_cells import DEEP, SHORT, TINY, nothing

PRINT = {"code": "abc", "seeds": [3, 4]}


def made(updates: int) -> Snapshot:
    arrays = {
        "weight": numpy.arange(6.0).reshape(2, 3) + updates,
        "transposed": numpy.arange(6.0, dtype=numpy.float32).reshape(2, 3).T - updates,
        "steps": numpy.array(float(updates), dtype=numpy.float32),  # without an axis
        "state": numpy.arange(5, dtype=numpy.uint8),
    }
    rows = [
        {"seed": 3, "iteration": 0, "training_loss": None, "stream_loss": 0.1 + 0.2},
        {"seed": 3, "iteration": updates, "training_loss": math.nan, "stream_loss": math.inf},
    ]
    return Snapshot(updates, arrays, rows)


def identical(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Of the same type, shape and bytes."""
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def same(found: Snapshot, expected: Snapshot) -> bool:
    """Equal to the bit, NaN being equal to itself."""
    return (
        found.updates == expected.updates
        and found.arrays.keys() == expected.arrays.keys()
        and all(identical(found.arrays[name], value) for name, value in expected.arrays.items())
        and repr(list(found.history)) == repr(list(expected.history))
    )


def keeping(folder: Path, seconds: float = 0, updates: int = 0, **more) -> Snapshots:
    return Snapshots(folder, PRINT, seconds, updates, **more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_snapshot_comes_back_as_it_was_saved(tmp_path):
    path = snapshots.write(tmp_path, made(7), PRINT)
    found, fingerprint = snapshots.read(path)
    assert same(found, made(7))
    assert fingerprint == PRINT


def test_the_checksums_are_those_of_sha256sum(tmp_path):
    path = snapshots.write(tmp_path, made(7), PRINT)
    assert subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path).returncode == 0


@pytest.mark.parametrize("name", ["arrays.safetensors", "history.parquet", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "missing"])
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(tmp_path, name, damage):
    said: list[str] = []
    kept = keeping(tmp_path, updates=5, say=said.append)
    for updates in (5, 10):
        kept.offer([3], updates, False, made)
    path = tmp_path / "seeds=3" / "000000010" / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"flipped": flipped, "truncated": whole[:middle]}.get(damage, b""))
    if damage == "missing":
        path.unlink()
    with pytest.raises(DamagedSnapshotError, match="000000010"):
        snapshots.read(path.parent)
    found = keeping(tmp_path, say=said.append).newest([3])
    assert found is not None
    assert same(found, made(5))
    assert any("passed over" in line and "000000010" in line for line in said)


@pytest.mark.parametrize("name", ["arrays.safetensors", "history.parquet", "state.json", "SHA256SUMS"])
def test_a_pipe_in_a_snapshot_is_passed_over_and_not_waited_for(tmp_path, name):
    for updates in (4, 8):
        newest = snapshots.write(tmp_path / "seeds=3", made(updates), PRINT)
    (newest / name).unlink()
    os.mkfifo(newest / name)
    said: list[str] = []
    found = keeping(tmp_path, say=said.append).newest([3])
    assert found is not None
    assert found.updates == 4
    assert f"{name} is a pipe" in said[0]


IN_PLACE: dict[str, Callable[[Path], object]] = {
    "empty folder": Path.mkdir,
    "file": Path.touch,
    "pipe": os.mkfifo,
    "link to nowhere": lambda path: path.symlink_to("/nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "snapshot of another job": lambda path: snapshots.write(path.parent, made(8), PRINT | {"seeds": [9]}),
    "snapshot of other updates": lambda path: shutil.copytree(path.with_name("000000004"), path),
}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_whatever_is_in_place_of_a_snapshot_the_one_before_is_used_and_the_next_takes_its_place(tmp_path, kind):
    kept, said = keeping(tmp_path, updates=4), []
    kept.offer([3], 4, False, made)
    IN_PLACE[kind](tmp_path / "seeds=3" / "000000008")
    again = keeping(tmp_path, updates=4, say=said.append)
    found = again.newest([3])
    assert found is not None
    assert same(found, made(4))
    assert kind == "snapshot of other updates" or ("passed over" in said[0] and "000000008" in said[0])
    for updates in (8, 12):
        again.offer([3], updates, False, made)
    newest = keeping(tmp_path).newest([3])
    assert newest is not None
    assert same(newest, made(12))
    assert names(tmp_path / "seeds=3") == ["000000008", "000000012"]


@pytest.mark.parametrize("place", [".", "seeds=3"])
@pytest.mark.parametrize("kind", ["file", "pipe", "link to nowhere", "link to itself"])
def test_whatever_is_in_place_of_the_folder_training_starts_anew_with_a_line_and_can_save(tmp_path, place, kind):
    folder, said = tmp_path / "snapshots", []
    (folder / place).parent.mkdir(exist_ok=True)
    IN_PLACE[kind](folder / place)
    kept = keeping(folder, updates=4, say=said.append)
    assert kept.newest([3]) is None
    assert "is not a folder, and is removed" in said[0]
    kept.offer([3], 4, False, made)
    assert keeping(folder).newest([3]) is not None


def test_snapshots_on_another_disk_stay_there_when_the_link_to_them_is_removed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "snapshots").symlink_to("disk")
    kept = keeping(tmp_path / "snapshots", updates=4)
    kept.offer([3], 4, False, made)
    assert keeping(tmp_path / "snapshots").newest([3]) is not None
    kept.remove()
    assert names(tmp_path) == ["disk"]


NUMBERS = {"updates": 8, "seconds": 1.0, "interruptions": 0}


@pytest.mark.parametrize(
    "state",
    [
        *([], {}, {"updates": 8}, 3, "x", None),
        *({**NUMBERS, "fingerprint": PRINT, name: "8"} for name in NUMBERS),
        *({**NUMBERS, "fingerprint": PRINT, name: -1} for name in NUMBERS),
        {**NUMBERS, "fingerprint": PRINT, "updates": None},
        {**NUMBERS, "fingerprint": 5},
    ],
)
def test_a_snapshot_of_other_keys_with_the_right_checksums_is_passed_over(tmp_path, state):
    path = snapshots.write(tmp_path, made(8), PRINT)
    json_files.write_json(path / "state.json", state)
    sums = subprocess.run(["sha256sum", *sorted(names(path))[1:]], cwd=path, stdout=subprocess.PIPE, check=True)
    (path / "SHA256SUMS").write_bytes(sums.stdout)
    with pytest.raises(DamagedSnapshotError):
        snapshots.read(path)


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "Cannot allocate memory")])
def test_a_snapshot_is_kept_where_memory_does_not_suffice_to_read_it(tmp_path, monkeypatch, error):
    path = snapshots.write(tmp_path / "seeds=3", made(8), PRINT)

    def fail(path):
        raise error

    monkeypatch.setattr(snapshots, "load_file", fail)
    with pytest.raises(type(error)):
        keeping(tmp_path).newest([3])
    assert path.is_dir()


def test_a_snapshot_of_another_run_is_discarded_and_what_differs_is_said(tmp_path):
    snapshots.write(tmp_path / "seeds=3", made(5), PRINT | {"code": "other", "more": 1})
    said: list[str] = []
    assert keeping(tmp_path, say=said.append).newest([3]) is None
    assert "with other code, more" in said[0]
    assert not (tmp_path / "seeds=3").exists()


def test_a_snapshot_of_an_older_layout_is_passed_over_with_a_line(tmp_path):
    path = snapshots.write(tmp_path / "seeds=3", made(5), PRINT)
    (path / "arrays.safetensors").rename(path / "tensors.safetensors")
    sums = path / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("arrays.safetensors", "tensors.safetensors"))
    said: list[str] = []
    assert keeping(tmp_path, say=said.append).newest([3]) is None
    assert "snapshot passed over" in said[0]
    assert "does not list its files" in said[0]


def test_the_newest_two_are_kept_and_what_is_unfinished_counts_for_nothing(tmp_path):
    kept = keeping(tmp_path, updates=1)
    for updates in range(1, 13):
        kept.offer([3], updates, False, made)
    assert names(tmp_path / "seeds=3") == ["000000011", "000000012"]
    (tmp_path / "seeds=3" / ".000000099.unfinished").mkdir()
    found = keeping(tmp_path).newest([3])
    assert found is not None
    assert found.updates == 12


def test_stacks_are_kept_apart(tmp_path):
    kept = keeping(tmp_path, updates=1)
    kept.offer([3], 5, False, made)
    assert keeping(tmp_path).newest([3, 4]) is None
    assert keeping(tmp_path).newest([3]) is not None


@pytest.mark.parametrize(
    ("seconds", "updates", "expected"),
    [
        (10.0, 0, [4, 8]),
        (0, 3, [3, 6, 9]),
        (10.0, 3, [3, 6, 9]),
        (0, 0, []),
        (1.0, 100, list(range(1, 10))),
    ],
)
def test_snapshots_are_due_by_time_or_by_updates_whichever_comes_first(tmp_path, seconds, updates, expected):
    clock = SimpleNamespace(now=0.0)
    kept = keeping(tmp_path, seconds, updates, clock=lambda: clock.now)
    saved: list[int] = []

    def make(at: int) -> Snapshot:
        saved.append(at)
        return made(at)

    for done in range(10):
        kept.offer([3], done, False, make)
        clock.now += 3.0
    assert saved == expected


def test_the_end_of_a_stack_is_always_saved(tmp_path):
    keeping(tmp_path).offer([3], 10, True, made)
    assert names(tmp_path / "seeds=3") == ["000000010"]


def test_a_job_that_is_asked_to_stop_saves_first_and_then_raises(tmp_path):
    kept = keeping(tmp_path, asked_to_stop=lambda: True)
    with pytest.raises(InterruptedTrainingError, match="seeds 3 saved at update 4"):
        kept.offer([3], 4, False, made)
    found = keeping(tmp_path).newest([3])
    assert found is not None
    assert same(found, made(4))


def test_time_and_interruptions_add_up(tmp_path):
    clock = SimpleNamespace(now=100.0)
    first = keeping(tmp_path, updates=1, clock=lambda: clock.now)
    clock.now = 130.0
    first.offer([3], 4, False, made)
    clock.now = 500.0
    second = keeping(tmp_path, updates=1, clock=lambda: clock.now)
    assert second.interruptions == 0
    second.newest([3])
    clock.now = 505.0
    assert second.trained_seconds == pytest.approx(35.0)
    assert second.interruptions == 1
    second.offer([3], 9, False, made)
    third = keeping(tmp_path, clock=lambda: clock.now)
    third.newest([3])
    assert (third.trained_seconds, third.interruptions) == (pytest.approx(35.0), 2)


def test_nothing_is_left_when_the_job_is_done(tmp_path):
    kept = keeping(tmp_path / "snapshots", updates=1)
    kept.offer([3], 4, False, made)
    kept.remove()
    assert names(tmp_path) == []


def test_a_write_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(path, value):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(json_files, "write_json", full)
    with pytest.raises(OSError, match="the disk is full"):
        snapshots.write(tmp_path, made(4), PRINT)
    assert names(tmp_path) == []


CELLS = {
    "fixed": make_cell("facts", TINY, facts=4, **SHORT),
    "reshuffled": make_cell("joint", TINY, facts=4, stream="reshuffled", **SHORT),
    "dropout": make_cell("arithmetic", DEEP, dropout=0.3, **SHORT),
    "redrawn": make_cell("facts", TINY, facts=4, **(SHORT | {"iterations": 130, "evaluation_interval": 65})),
}


def interrupted_everywhere(
    cell: Cell, seeds: list[int], folder: Path, every: int, execution: Execution
) -> loop.Trained:
    """A training that is stopped after every so many updates and begun anew each time."""
    lines = corpus.build(cell)
    while True:
        left = [every]

        def asked(left: list[int] = left) -> bool:  # asked once more by each stack as it goes on
            left[0] -= 1
            return left[0] < 0

        kept = keeping(folder, asked_to_stop=asked)
        try:
            return loop.train(cell, lines, seeds, "cpu", nothing, execution, kept)
        except InterruptedTrainingError:
            continue


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("name", "every"), [("fixed", 2), ("reshuffled", 3), ("dropout", 4), ("redrawn", 47)])
def test_training_that_is_interrupted_again_and_again_ends_in_the_same_bits(tmp_path, name, every, kernel):
    cell, execution = CELLS[name], Execution(kernel=kernel)
    assert kernel_of(cell, "cpu", execution) == ("torch" if kernel == "torch" or name == "dropout" else "numba")
    whole = loop.train(cell, corpus.build(cell), [3, 1337], "cpu", nothing, execution)
    found = interrupted_everywhere(cell, [3, 1337], tmp_path, every, execution)
    assert whole.parameters.keys() == found.parameters.keys()
    assert all(identical(whole.parameters[name], found.parameters[name]) for name in whole.parameters)
    assert repr(whole.history) == repr(found.history)
    assert whole.diverged_at == found.diverged_at


@pytest.mark.parametrize("name", ["fixed", "dropout"])
def test_a_stack_goes_on_as_it_would_have(tmp_path, name):
    cell, lines, seeds = CELLS[name], corpus.build(CELLS[name]), [3, 1337]
    whole = loop.train_stack(cell, lines, seeds, "cpu", nothing)
    answers = iter([False] * 5 + [True])
    kept = keeping(tmp_path, asked_to_stop=lambda: next(answers))
    with pytest.raises(InterruptedTrainingError):
        loop.train_stack(cell, lines, seeds, "cpu", nothing, snapshots=kept)
    found = loop.train_stack(cell, lines, seeds, "cpu", nothing, snapshots=keeping(tmp_path))
    assert all(identical(whole.parameters[name], found.parameters[name]) for name in whole.parameters)
    assert repr(whole.history) == repr(found.history)
