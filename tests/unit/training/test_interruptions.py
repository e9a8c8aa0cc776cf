from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from capacity.errors import InputError
from capacity.training import interruptions
from tests.support.repository import SOURCE


def test_signals_are_a_wish_while_the_block_lasts_and_what_they_were_after_it():
    before = signal.getsignal(signal.SIGTERM)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with interruptions.Signals() as signals:
            assert signals.received is None
            os.kill(os.getpid(), number)
            assert (signals.received, signals.exit_code) == (number, code)
    assert signal.getsignal(signal.SIGTERM) == before


KILL = os.kill  # some tests replace it


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    """Tests that fail do so within seconds."""
    monkeypatch.setattr(interruptions, "SECONDS_TO_STOP", 15.0)


HOLDER = """
import sys, time
from pathlib import Path
from capacity.training.interruptions import Signals, only_one
with Signals() as signals, only_one(Path(sys.argv[1]), print):
    print("locked", flush=True)
    while signals.received is None:
        time.sleep(0.01)
    print("told to stop", flush=True)
"""


@contextmanager
def left_behind(path):
    """Yield a process that holds the lock on a path."""
    command, environment = [sys.executable, "-c", HOLDER, path], os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        try:
            assert holder.stdout.readline() == "locked\n"
            yield holder
        except BaseException:
            KILL(holder.pid, signal.SIGKILL)  # or a test that fails would wait for it
            raise


def test_a_process_left_by_an_earlier_run_is_asked_to_leave_and_waited_for(tmp_path):
    path, said = tmp_path / "job" / "training.lock", []
    with left_behind(path) as holder, interruptions.only_one(path, said.append) as took_over:
        assert took_over
        assert holder.stdout.readline() == "told to stop\n"
        assert path.read_text() == f"{os.getpid()} {socket.gethostname()}\n"
    assert holder.returncode == 0
    assert f"process {holder.pid} still trains this job" in said[0]
    assert not path.exists()


def test_a_process_that_was_stopped_is_woken_so_that_it_can_save(tmp_path):
    path = tmp_path / "training.lock"
    with left_behind(path) as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        with interruptions.only_one(path, print) as took_over:
            assert took_over
            assert holder.stdout.readline() == "told to stop\n"
    assert holder.returncode == 0


def test_a_process_that_is_stopped_again_and_again_is_woken_as_often(tmp_path, monkeypatch):
    path, sent = tmp_path / "training.lock", []
    with left_behind(path) as holder:
        kill = os.kill

        def send(pid, number):
            """Let whatever stops the process do so until it has been woken three times."""
            sent.append(number)
            if number == signal.SIGTERM or sent.count(signal.SIGCONT) < 3:
                kill(pid, signal.SIGSTOP)
            if number == signal.SIGTERM or sent.count(signal.SIGCONT) >= 3:
                kill(pid, number)

        monkeypatch.setattr(os, "kill", send)
        with interruptions.only_one(path, print) as took_over:
            assert took_over
            assert holder.stdout.readline() == "told to stop\n"
    assert sent[0] == signal.SIGTERM
    assert sent.count(signal.SIGCONT) >= 3


@pytest.mark.parametrize("content", ["", "123 {host}\n"])
def test_a_process_that_waits_heeds_a_signal_at_once(tmp_path, monkeypatch, content):
    """Also while the process that holds the lock has not written its number yet."""
    path = tmp_path / "training.lock"
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(content.format(host=socket.gethostname()))
        other.flush()
        before = time.monotonic()
        with interruptions.Signals() as signals:
            threading.Timer(0.3, signal.raise_signal, [signal.SIGTERM]).start()
            with (
                pytest.raises(interruptions.InterruptedTrainingError, match=r"training\.lock is still held"),
                interruptions.only_one(path, print, signals.asked_to_stop),
            ):
                pass
        assert time.monotonic() - before < 2


@pytest.mark.parametrize("written", ["-1", "0", "abc", "1e3", "²"])
def test_a_lock_with_something_else_than_a_number_stops_nobody(tmp_path, monkeypatch, written):
    """``kill -1`` is a signal to every process."""
    path, sent = tmp_path / "training.lock", []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(pid))
    with path.open("w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(f"{written} {socket.gethostname()}\n")
        other.flush()
        with (
            pytest.raises(ValueError, match=r"training\.lock is locked by a process"),
            interruptions.only_one(path, print),
        ):
            pass
    assert sent == []


def test_a_process_of_another_user_is_named(tmp_path, monkeypatch):
    path = tmp_path / "training.lock"

    def refuse(pid, number):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(f"123 {socket.gethostname()}\n")
        other.flush()
        with pytest.raises(ValueError, match="process 123 of another user"), interruptions.only_one(path, print):
            pass


def test_a_lock_that_nobody_holds_stops_nobody(tmp_path):
    path = tmp_path / "training.lock"
    path.write_text(f"{os.getpid()} {socket.gethostname()}\n")  # of a process that was killed
    with interruptions.only_one(path, print) as took_over:
        assert not took_over


def test_a_process_on_another_machine_is_named_and_left_alone(tmp_path):
    path = tmp_path / "training.lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("123 elsewhere\n")
        other.flush()
        with (
            pytest.raises(ValueError, match=r"training\.lock is locked: process 123 on elsewhere"),
            interruptions.only_one(path, print),
        ):
            pass


def test_a_process_that_does_not_leave_is_named(tmp_path, monkeypatch):
    path = tmp_path / "training.lock"
    monkeypatch.setattr(interruptions, "SECONDS_TO_STOP", 0.0)
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(f"123 {socket.gethostname()}\n")
        other.flush()
        with (
            pytest.raises(ValueError, match="process 123 does not stop"),
            interruptions.only_one(path, print),
        ):
            pass


def test_a_lock_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(InputError, match="lock is a pipe"), interruptions.only_one(tmp_path / "lock", print):
        pass


def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_stays_as_it_is(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "lock").symlink_to("precious")
    with (
        pytest.raises(InputError, match=r"lock is a link, and the file that it leads to would be emptied; remove it"),
        interruptions.only_one(tmp_path / "lock", print),
    ):
        pass
    assert (tmp_path / "precious").read_text() == "mine"
