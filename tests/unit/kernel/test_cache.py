"""Where compiled functions are kept, that every clone of the same code finds them there, and that nothing wrong with
the files does more harm than to compile a function again."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest
from numba.core import config

from capacity.corpora import corpus
from capacity.kernel import cache
from capacity.storage import parquet
from tests.support.repository import SOURCE
from tests.support.short_cells import short_cell

PROGRAM = """
import sys
import numpy
from capacity.kernel.streams import reshuffle
text, original = numpy.zeros(4, numpy.int64), numpy.array([7, 7, 8, 8])
starts, lengths, parts, raw = (numpy.array(each) for each in ([0, 2], [2, 2], [2], [1]))
reshuffle(text, original, starts, lengths, parts, raw, starts.copy())
print(text.tolist(), "compiled" if reshuffle.stats.cache_misses else "kept")
"""
KILLED_WHILE_IT_SAVES = (
    "import os, signal; os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n" + PROGRAM
)
COMPILED, KEPT = "[8, 8, 7, 7] compiled", "[8, 8, 7, 7] kept"
OTHER_CONTENT = b"\x80\x04K\x01."  # 1, as Python pickles it
WRITES_A_FILE = b"cos\nsystem\n(S'touch was-run'\ntR."  # a shell command, which unpickling runs


def twice(number):
    return 2 * number


def thrice(number):
    return 3 * number


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    """Choose a folder for what is compiled, and return that in which it is kept."""

    def choose(variable, folder):
        for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, str(folder))
        return cache.kept_in.__wrapped__()

    return choose


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder in which this process keeps what it compiles, and nothing said yet."""
    monkeypatch.setattr(cache, "kept_in", lambda: tmp_path / "compiled")
    monkeypatch.setattr(cache, "_said", set())
    return tmp_path / "compiled"


@pytest.fixture
def use(folder, capsys):
    """Call a function as a new process would; return whether it was compiled or kept, and the lines that were said."""

    def call(function=twice, number=3):
        made = cache.entry(function)
        assert made(number) == function(number)
        return "compiled" if made.stats.cache_misses else "kept", capsys.readouterr().err.splitlines()

    return call


@pytest.fixture
def file(folder, use):
    """The file of a compiled function."""
    assert use() == ("compiled", [])
    assert use() == ("kept", [])
    (found,) = folder.iterdir()
    return found


def start(folder, source=SOURCE, program=PROGRAM, before=(), **environment):
    given = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(source)} | environment
    command = [*before, sys.executable, "-c", program]
    return subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    printed, said = process.communicate()
    assert process.returncode == 0, said
    return printed.strip(), said


def run(folder, source=SOURCE, **more):
    return result(start(folder, source, **more))


def test_another_clone_of_the_same_code_compiles_nothing_and_one_of_other_code_does(tmp_path):
    other = tmp_path / "other clone"
    shutil.copytree(SOURCE / "capacity", other / "capacity", ignore=shutil.ignore_patterns("__pycache__"))
    cached = tmp_path / "compiled"
    assert run(cached, SOURCE) == (COMPILED, "")
    assert run(cached, other) == (KEPT, "")
    with (other / "capacity/kernel/lanes.py").open("a", encoding="utf-8") as source:
        source.write("# Another line of a file that others import.\n")
    assert run(cached, other) == (COMPILED, "")
    assert run(cached, SOURCE) == (KEPT, "")
    assert run(cached, SOURCE, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="") == (COMPILED, "")
    assert len(list(cached.iterdir())) == 3


def test_where_nothing_can_be_kept_it_is_said_once_and_functions_are_compiled_all_the_same(tmp_path):
    (tmp_path / "a file").touch()
    printed, said = run(tmp_path / "a file")
    assert printed == COMPILED
    assert said.count("compiled functions cannot be kept") == said.count("\n") == 1
    assert "set NUMBA_CACHE_DIR to a folder that you, and nobody else, can write" in said


@pytest.mark.parametrize(("variable", "below"), [("NUMBA_CACHE_DIR", ""), ("XDG_CACHE_HOME", ""), ("HOME", ".cache")])
def test_the_environment_chooses_the_folder(chosen, tmp_path, variable, below):
    folder = chosen(variable, tmp_path)
    assert folder.parent == tmp_path / below
    assert folder.is_dir()


def test_a_user_without_a_home_keeps_nothing_and_is_told(monkeypatch, capsys):
    def home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert cache.kept_in.__wrapped__() is None
    assert capsys.readouterr().err.count("Could not determine home directory.") == 1


def test_other_users_of_numba_in_the_process_keep_their_settings():
    before = vars(config).copy()
    cache.compiled(lambda: 0)
    assert vars(config) == before

    @numba.njit(cache=True)
    def other():
        return 1

    assert str(cache.kept_in()) not in other.stats.cache_path


def test_each_function_and_each_type_of_its_arguments_has_a_file(folder, use):
    for function in (twice, thrice):
        for number in (3, 1.5):
            assert use(function, number) == ("compiled", [])
    for function in (twice, thrice):
        for number in (3, 1.5):
            assert use(function, number) == ("kept", [])
    assert len(list(folder.iterdir())) == 4


def test_a_function_whose_file_was_edited_is_compiled_again(tmp_path, use, monkeypatch):
    """Its bytecode is the same, since the number is a constant."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "times.py"
    for factor in (2, 5):
        path.write_text(f"def times(number):\n    return {factor} * number\n", encoding="utf-8")
        spec = importlib.util.spec_from_file_location("times", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert use(module.times) == ("compiled", [])
        assert use(module.times) == ("kept", [])


def flipped(content):
    """Return the content with one bit changed in its middle, which is machine code."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut within the checksum": lambda content: content[:20],
    "cut after the checksum": lambda content: content[: cache.CHECKSUM_BYTES],
    "cut in half": lambda content: content[: len(content) // 2],
    "the last byte missing": lambda content: content[:-1],
    "one byte more": lambda content: content + b"\0",
    "one bit of machine code": flipped,
    "random": lambda content: bytes((37 * place + 11) % 251 for place in range(5000)),
    "without a checksum": lambda content: content[cache.CHECKSUM_BYTES :],
    "something else, pickled": lambda content: OTHER_CONTENT,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_said_and_made_anew(use, file, damage):
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    made, (said,) = use()
    assert made == "compiled"
    assert said == f"{file} cannot be used (its content does not fit its checksum), so the function is compiled again"
    assert use() == ("kept", [])


def test_a_file_with_a_checksum_that_holds_something_else_is_said_and_made_anew(use, file):
    cache.write(file, OTHER_CONTENT)
    made, (said,) = use()
    assert made == "compiled"
    assert said.startswith(f"{file} cannot be used (")
    assert use() == ("kept", [])


def test_the_file_of_another_function_under_the_name_of_this_one_is_said_and_made_anew(folder, use, file):
    use(thrice)
    (other,) = set(folder.iterdir()) - {file}
    shutil.copy(other, file)
    made, (said,) = use()
    assert made == "compiled"
    assert str(file) in said
    assert use() == ("kept", [])


def test_a_folder_in_the_place_of_a_file_is_said_once(use, file):
    file.unlink()
    file.mkdir()
    made, (said,) = use()
    assert made == "compiled"
    assert said == f"{file} cannot be used (Is a directory), so the function is compiled again"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_may_not_be_read_is_said_and_made_anew(use, file, monkeypatch):
    opened = Path.open

    def refuse(path, mode="r", *more):
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, mode, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        made, (said,) = use()
    assert made == "compiled"
    assert said.startswith(f"{file} cannot be used (Permission denied)")
    assert use() == ("kept", [])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_on_which_nothing_can_be_saved_is_said_once_and_leaves_nothing(folder, use, monkeypatch, number):
    class Full:
        def __init__(self, descriptor, mode):
            os.close(descriptor)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def write(self, content):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fdopen", Full)
    made, (said,) = use()
    assert made == "compiled"
    assert said.startswith(f"{folder}/test_cache.twice-")
    assert f".compiled cannot be written ({os.strerror(number)}), so each job compiles the function again" in said
    assert use(thrice) == ("compiled", [])
    assert list(folder.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_said_and_leaves_nothing(tmp_path):
    """As the system refuses it, in a process of its own."""
    printed, said = run(tmp_path, before=["sh", "-c", 'ulimit -f 2; exec "$@"', "sh"])
    assert printed == COMPILED
    assert "cannot be written (File too large)" in said
    assert said.count("\n") == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_became_read_only_is_said_once_and_what_is_in_it_is_used(use, file, monkeypatch):
    def refuse(prefix, dir):
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert use() == ("kept", [])
    made, (said,) = use(thrice)
    assert made == "compiled"
    assert "cannot be written (Read-only file system)" in said
    assert use(thrice, 1.5) == ("compiled", [])


def test_a_folder_that_was_removed_is_made_again(folder, use, file):
    shutil.rmtree(folder)
    assert use() == ("compiled", [])
    assert use() == ("kept", [])


def test_a_file_in_the_place_of_the_folder_is_said(folder, use, file):
    shutil.rmtree(folder)
    folder.touch()
    made, said = use()
    assert made == "compiled"
    assert said[0].startswith(f"{file} cannot be used (Not a directory)")


def test_processes_that_compile_and_save_at_once_all_have_the_result(tmp_path):
    processes = [start(tmp_path) for _ in range(2)]
    assert [result(process) for process in processes] == [(COMPILED, "")] * 2
    assert run(tmp_path) == (KEPT, "")


def test_a_file_that_two_write_at_once_is_whole(tmp_path, monkeypatch):
    """The second one writes all of its file before the first one puts its own in place."""
    replace = Path.replace

    def wait(part, target):
        monkeypatch.setattr(Path, "replace", replace)
        cache.write(target, b"by the second")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", wait)
    cache.write(tmp_path / "file", b"by the first")
    assert cache.read(tmp_path / "file") == b"by the first"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_after_a_process_that_was_killed_while_it_saved_the_function_is_compiled_again(tmp_path):
    killed = start(tmp_path, program=KILLED_WHILE_IT_SAVES)
    assert killed.communicate() == ("", "")
    assert killed.returncode == -signal.SIGKILL
    assert run(tmp_path) == (COMPILED, "")
    assert run(tmp_path) == (KEPT, "")


def test_folder_and_files_belong_to_the_user_alone_whatever_the_umask(chosen, tmp_path, monkeypatch):
    before = os.umask(0)
    try:
        folder = chosen("NUMBA_CACHE_DIR", tmp_path / "below")
        cache.write(folder / "file", b"")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o720])
def test_a_folder_that_others_can_write_is_not_used(chosen, tmp_path, capsys, mode):
    folder = chosen("NUMBA_CACHE_DIR", tmp_path)
    folder.chmod(mode)
    assert chosen("NUMBA_CACHE_DIR", tmp_path) is None
    said = capsys.readouterr().err
    assert f"other users can write it: '{folder}'" in said
    assert said.count("\n") == 1
    folder.chmod(0o755)
    assert chosen("NUMBA_CACHE_DIR", tmp_path) == folder


def test_a_folder_of_another_user_is_not_used_and_each_user_has_one(chosen, tmp_path, monkeypatch, capsys):
    mine = chosen("NUMBA_CACHE_DIR", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: mine.stat().st_uid + 1)
    theirs = tmp_path / f"capacity-{cache._digest()[:16]}"
    assert theirs != mine
    assert chosen("NUMBA_CACHE_DIR", tmp_path) is None  # it was made by this user in truth
    assert f"it belongs to another user: '{theirs}'" in capsys.readouterr().err


@pytest.mark.parametrize("whose", ["others can write it", "another user's"])
def test_a_file_that_another_user_may_have_written_is_not_unpickled(tmp_path, use, file, monkeypatch, whose):
    """Its checksum fits, and it would run a command."""
    monkeypatch.chdir(tmp_path)
    cache.write(file, WRITES_A_FILE)
    with monkeypatch.context() as patch:
        if whose == "another user's":
            patch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
        else:
            file.chmod(0o620)
        made, (said,) = use()
    assert made == "compiled"
    assert said.startswith(f"{file} cannot be used (")
    assert not (tmp_path / "was-run").exists()
    assert use() == ("kept", [])


def test_training_is_the_same_whatever_is_wrong_with_what_is_kept(tmp_path):
    """By the command, with a copy of what the tests keep; the function that takes the least time is damaged."""
    cell = short_cell(stream="reshuffled")
    parquet.write_parquet(tmp_path / "corpus.parquet", corpus.to_table(corpus.build(cell)), {})

    def train(name, folder):
        arguments = [cell.name, "--seeds", "3", "--corpus", "corpus.parquet", "--device", "cpu", "--output", name]
        given = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(SOURCE)}
        command = [sys.executable, "-m", "capacity", "train", *arguments]
        done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return (tmp_path / name / "weights.safetensors").read_bytes(), done.stderr.splitlines()

    before, _ = train("before", cache.kept_in().parent)
    kept = tmp_path / "compiled" / cache.kept_in().name
    shutil.copytree(cache.kept_in(), kept)
    damaged = sorted(kept.glob("streams.reshuffle-*"))
    for path in damaged:
        path.write_bytes(flipped(path.read_bytes()))
    after, said = train("after", kept.parent)
    assert after == before
    assert [line for line in said if "cannot be used" in line] == said
    assert 1 <= len(said) <= len(damaged)
    assert train("again", kept.parent) == (before, [])
