from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from capacity.errors import InputError
from capacity.storage import files, json_files, parquet
from tests.support.commands import run_command

FULL = r"cannot be written: the disk is full; make room and run the same command again"


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


@pytest.mark.parametrize("read", [json_files.read_json, parquet.read_parquet])
def test_a_file_that_is_not_there_says_so(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read(tmp_path / "absent")


def test_what_a_killed_process_left_unfinished_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "whole.json").write_text("{}")
    (tmp_path / ".folder").mkdir()
    with files.atomic(tmp_path / "part.json") as temporary:
        left = Path(shutil.copy(temporary, tmp_path / temporary.name.replace("part", "other")))
        temporary.write_text("{}")
    assert left.exists()
    files.remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".folder", "part.json", "whole.json"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full; make room"),
        (errno.EDQUOT, "the quota of the disk is used up; make room"),
        (errno.EROFS, "its file system is read-only; choose another folder"),
        (errno.EACCES, "there is no permission to write there"),
    ],
)
@pytest.mark.parametrize("at", ["mkdir", "mkstemp", "write", "fsync", "replace"])
def test_an_error_of_the_system_is_put_into_words_wherever_it_comes(tmp_path, monkeypatch, code, words, at):
    path = tmp_path / "folder" / "value.json"

    def fail(*_, **__):
        raise OSError(code, os.strerror(code), str(path))

    place = {"mkdir": (Path, "mkdir"), "mkstemp": (tempfile, "mkstemp"), "write": (Path, "write_text")}
    place |= {"fsync": (os, "fsync"), "replace": (Path, "replace")}
    with monkeypatch.context() as patch:
        patch.setattr(*place[at], fail)
        with pytest.raises(OSError, match=rf"value\.json cannot be written: {words}") as caught:
            json_files.write_json(path, {"a": 1})
    assert caught.value.errno == code
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == []
    json_files.write_json(path, {"a": 1})
    assert json_files.read_json(path) == {"a": 1}


@pytest.mark.parametrize(
    "text", ["I/O error: No space left on device (os error 28)", "Write failed. Detail: [errno 28]"]
)
def test_a_full_disk_is_recognized_in_the_words_of_libraries(tmp_path, text):
    def write():
        with files.atomic(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise RuntimeError(text)

    with pytest.raises(OSError, match=FULL):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_recognized_behind_an_error_of_clearing_up(tmp_path):
    def write():
        with files.atomic(tmp_path / "file"):
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            finally:
                raise AttributeError("'Stream' object has no attribute 'pos'")

    with pytest.raises(OSError, match=FULL):
        write()


def test_another_error_stays_what_it_is(tmp_path):
    def write():
        with files.atomic(tmp_path / "file"):
            raise FileNotFoundError(errno.ENOENT, "No such file", "elsewhere")

    with pytest.raises(FileNotFoundError, match="elsewhere"):
        write()


def test_a_folder_that_is_missing_is_made(tmp_path):
    files.check_writable(tmp_path / "results/a/b")
    json_files.write_json(tmp_path / "results/a/b/value.json", 1)
    assert json_files.read_json(tmp_path / "results/a/b/value.json") == 1


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(InputError, match=r"results is a file, and has to be a folder"):
        files.check_writable(tmp_path / "results")
    with pytest.raises(OSError, match=r"a file where a folder should be|a file, or a link that leads nowhere"):
        json_files.write_json(tmp_path / "results/value.json", 1)
    with pytest.raises(OSError, match="a file where a folder should be"):
        json_files.write_json(tmp_path / "results/deeper/value.json", 1)


def test_a_link_that_leads_nowhere_is_refused_by_where_it_leads(tmp_path):
    """As when the disk behind it is not mounted."""
    (tmp_path / "results").symlink_to(tmp_path / "scratch")
    with pytest.raises(InputError, match=r"results is a link to .*scratch, which is not there; mount it"):
        files.check_writable(tmp_path / "results/cells")
    with pytest.raises(OSError, match="a link that leads nowhere"):
        json_files.write_json(tmp_path / "results/value.json", 1)


def test_a_folder_of_someone_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=rf"nothing can be written in {tmp_path}: it is read-only, or belongs"):
        files.check_writable(tmp_path / "results")


def test_a_command_without_permission_ends_with_one_line_and_no_file(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "corpus.parquet"
    monkeypatch.setattr(tempfile, "mkstemp", fail)
    with pytest.raises(SystemExit, match=rf"error: .*{path} cannot be written: there is no permission"):
        run_command("corpus", "task=facts/size=n14/variant=paper", "--output", path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_path_leaves_no_room_for_results_is_refused():
    with pytest.raises(InputError, match="is a path of 4,001 bytes, more than 3,000"):
        files.check_writable(Path("/x" + "/yyyyyyy" * 499 + "/" + "z" * 6))


@pytest.mark.parametrize("read", [json_files.read_json, parquet.read_parquet, parquet.read_schema, files.sha256])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "x")
    with pytest.raises(InputError, match="x is a pipe, and has to be a file"):
        read(tmp_path / "x")


def test_a_file_that_is_too_long_is_not_read(tmp_path):
    (tmp_path / "x").write_bytes(b"a" * 11)
    assert files.read_text(tmp_path / "x", 11) == "a" * 11
    with pytest.raises(InputError, match="more than 10 bytes"):
        files.read_text(tmp_path / "x", 10)


@pytest.mark.parametrize(
    ("target", "said"), [("gone", "is a link to gone, which is not there; remove it"), ("link", "leads back to itself")]
)
@pytest.mark.parametrize("behind", ["cells", "disk"])
def test_a_link_that_leads_nowhere_is_named_wherever_it_is(tmp_path, target, said, behind):
    """Also on the disk that a folder of results is a link to."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "results/cells").mkdir(parents=True)
    (tmp_path / "results/disk").symlink_to(tmp_path / "disk")
    (tmp_path / f"results/{behind}/link").symlink_to(target)
    with pytest.raises(InputError, match=rf"results/{behind}/link {said}|results/{behind}/link is a link that {said}"):
        files.check_links(tmp_path / "results")


def test_links_that_lead_somewhere_are_left_alone_and_those_in_a_circle_are_followed_once(tmp_path):
    (tmp_path / "results/cells").mkdir(parents=True)
    (tmp_path / "table").write_text("x")
    (tmp_path / "results/table").symlink_to(tmp_path / "table")
    (tmp_path / "results/cells/again").symlink_to(tmp_path / "results")
    files.check_links(tmp_path / "results")


def test_a_link_is_replaced_and_what_it_leads_to_stays_as_it_is(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for target in ("precious", "gone", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(target)
        files.write_text(tmp_path / "link", "new")
        assert (tmp_path / "link").read_text() == "new"
        assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "precious").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "link"}


def test_what_a_link_leads_to_is_not_removed_with_it(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/file").write_text("mine")
    for target in ("disk", "gone"):
        (tmp_path / "link").symlink_to(target)
        files.remove(tmp_path / "link")
        assert not os.path.lexists(tmp_path / "link")
    files.remove(tmp_path / "nothing")
    assert (tmp_path / "disk/file").read_text() == "mine"
