"""The command line as a whole: every command has a module and a help text, and tells users what they can put right."""

from __future__ import annotations

import importlib
import sys

import pytest

from capacity.__main__ import main
from capacity.commands import COMMANDS
from capacity.errors import InputError
from tests.support.commands import run_command
from tests.support.repository import PACKAGE

NOT_COMMANDS = {"__init__", "arguments", "drawing"}


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
