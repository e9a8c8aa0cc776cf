"""An archive in which any bit was turned over is refused, or its damaged file is named, and never by a traceback."""

from __future__ import annotations

import contextlib
import zipfile
from random import Random

import pytest

from capacity.archive.bundle import count, damages, digests, write_bundle
from capacity.errors import InputError

FILES = {"results/a.json": b"{}" * 400, "cards/n14.md": b"# n14", "code/b.py": b"print(5 + 7)\n" * 50}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "archive.zip"
    write_bundle(path, FILES, digests(FILES))
    return path


def test_a_whole_archive_has_no_damages(bundle):
    assert (damages(bundle), count(bundle)) == ([], len(FILES) + 1)


def test_a_file_on_the_disk_is_the_same_as_its_content(bundle, tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    places = {name: tmp_path / name for name in reversed(FILES)}
    write_bundle(tmp_path / "again.zip", places, digests(places))
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_a_bit_turned_over_is_found_or_changes_no_file(bundle, tmp_path):
    """Dates, permissions and the like have no digest; every byte of a file has."""
    content, path = bundle.read_bytes(), tmp_path / "damaged.zip"
    found = 0
    for number in range(0, 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[number // 8] ^= 1 << number % 8
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            if not damages(path):
                with zipfile.ZipFile(path) as archive:
                    assert {name: archive.read(name) for name in FILES} == FILES
                continue
        found += 1
    assert found > 300


def test_an_archive_cut_anywhere_is_refused(bundle, tmp_path):
    content, path = bundle.read_bytes(), tmp_path / "cut.zip"
    for length in Random(1).sample(range(len(content)), 60):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cut.zip is not a whole ZIP file"):
            damages(path)
