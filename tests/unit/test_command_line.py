"""The command line as a whole: every command has a module and a help text, and tells users what they can put right."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from capacity.__main__ import main
from capacity.commands import COMMANDS
from capacity.errors import InputError
from tests.support.commands import run_command
from tests.support.repository import PACKAGE, SOURCE

NOT_COMMANDS = {"__init__", "arguments", "drawing", "reporting"}


def module_of(command):
    return importlib.import_module(f"capacity.commands.{command.replace('-', '_')}")


def test_every_module_of_commands_is_a_command():
    modules = {path.stem for path in (PACKAGE / "commands").glob("*.py")} - NOT_COMMANDS
    assert set(COMMANDS) == {name.replace("_", "-") for name in modules}
    assert len(COMMANDS) > 10


def test_the_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit) as left:
        run_command("--help")
    assert left.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for command, summary in COMMANDS.items():
        assert f" {command} {summary}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        run_command(command, "--help")
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: python -m capacity {command} ")
    assert module_of(command).__doc__.splitlines()[0] in shown


@pytest.mark.parametrize("error", [InputError("seeds: 3 appears twice"), FileNotFoundError(2, "No such file", "x")])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_with_one_line_for_what_a_user_can_put_right(command, error, monkeypatch):
    def fail(arguments):
        raise error

    monkeypatch.setattr(module_of(command), "add_arguments", lambda parser: None)
    monkeypatch.setattr(module_of(command), "run", fail)
    with pytest.raises(SystemExit) as left:
        run_command(command)
    assert left.value.code == f"error: {error}"


OF_MEMORY = [
    MemoryError(),
    MemoryError("Unable to allocate 64.0 GiB for an array"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("can't start new thread"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    OSError(12, "Cannot allocate memory"),
]


@pytest.mark.parametrize("error", OF_MEMORY, ids=repr)
def test_too_little_memory_is_said_in_one_line(error, monkeypatch):
    def fail(arguments):
        raise error

    monkeypatch.setattr(module_of("status"), "run", fail)
    with pytest.raises(SystemExit) as left:
        run_command("status")
    said = str(left.value.code)
    assert said.startswith("error: ")
    assert "memory" in said
    assert "\n" not in said


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ImportError("no module x"), KeyError("x")])
def test_an_error_of_the_program_keeps_its_traceback(error, monkeypatch):
    def fail(arguments):
        raise error

    monkeypatch.setattr(module_of("status"), "run", fail)
    with pytest.raises(type(error)):
        run_command("status")


def test_a_command_with_too_little_memory_ends_in_one_line(tmp_path):
    """Half of what the program takes to begin its work, as a limit of the process."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (600 * 2**20,) * 2)\n"
    code += "from capacity.__main__ import main; main()"
    words = [
        "train",
        "task=facts/size=l12h8d512m4/variant=paper",
        "--seeds",
        "0",
        "--corpus",
        tmp_path / "corpus.parquet",
    ]
    run_command("corpus", words[1], "--output", tmp_path / "corpus.parquet")
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--output", tmp_path, "--device", "cpu"],
        env=os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "there is too little memory" in done.stderr
    assert "Traceback" not in done.stderr


WRONG_WORDS = {
    "a task that is none": ("task=sums/size=n14/variant=paper", "task 'sums' is not one of"),
    "a size that is none": ("task=facts/size=large/variant=paper", "size 'large' is not"),
    "a size without heads": ("task=facts/size=l1h0d14m1/variant=paper", "heads: 0 must be from 1 to 256"),
    "digits without end": (f"task=facts/size=n{'9' * 5000}/variant=paper", "is not 'mlt'"),
    "half a pair": ("task=joint/size=n14/variant=held_out-5", "'5' is not a value of held_out"),
    "a pair of letters": ("task=joint/size=n14/variant=held_out-5x", "'5x' is not a value of held_out"),
    "a number of letters": ("task=joint/size=n14/variant=facts-x", "'x' is not a value of facts"),
    "too many facts": ("task=joint/size=n14/variant=facts-999999999", "facts: 999999999 must be from 1 to 10,000"),
    "no number": ("task=joint/size=n14/variant=final_learning_rate-nan_learning_rate-nan", "nan must be from 5e-324"),
    "control characters": ("a\x1b[31mb", "'a\\x1b[31mb' is not of the form"),
    "another stream": ("task=joint/size=n14/variant=stream-x", "stream 'x' is not one of"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
@pytest.mark.parametrize("command", ["train", "evaluate", "corpus"])
def test_a_cell_that_cannot_be_is_refused_in_one_line(command, name, tmp_path):
    cell, said = WRONG_WORDS[name]
    words = [] if command == "corpus" else ["--seeds", "0", "--corpus", "corpus.parquet", "--device", "cpu"]
    with pytest.raises(SystemExit) as left:
        run_command(command, cell, *words, "--output", tmp_path / "out")
    found = str(left.value.code)
    assert found.startswith("error: ")
    assert said in found
    assert len(found) < 2000


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("9" * 5000, "have 5,000 characters"),
        ("99999999999", "is above 4294967295"),
        ("0-4294967295", "more than 100,000"),
        ("_".join(map(str, range(0, 400, 2))), "make several jobs"),
        ("٣", "is neither a number nor a range"),
    ],
)
def test_seeds_that_cannot_be_are_refused_in_one_line(seeds, said, tmp_path):
    cell = "task=facts/size=n14/variant=paper"
    with pytest.raises(SystemExit) as left:
        run_command("train", cell, "--seeds", seeds, "--corpus", "x", "--output", tmp_path, "--device", "cpu")
    assert said in str(left.value.code)


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--rows", "-5"),
        ("status", "--rows", "x\x1b[31m"),
        ("train", "x", "--seeds", "0", "--corpus", "x", "--output", "x", "--threads", "0"),
        ("train", "x", "--seeds", "0", "--corpus", "x", "--output", "x", "--threads", "9" * 5000),
        ("train", "x", "--seeds", "0", "--corpus", "x", "--output", "x", "--snapshot-updates", "-1"),
        ("status", "\x1b[31munknown"),
    ],
)
def test_arguments_beyond_their_bounds_are_refused_without_control_characters(words, capsys):
    with pytest.raises(SystemExit) as left:
        run_command(*words)
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert "error: " in shown
    assert "\x1b" not in shown
    assert len(shown) < 4000


def test_an_unknown_command_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as left:
        run_command("tain")
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert "invalid choice: 'tain'" in shown
    assert "train" in shown


def test_without_arguments_the_command_line_is_that_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["capacity", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "usage: python -m capacity" in capsys.readouterr().out
