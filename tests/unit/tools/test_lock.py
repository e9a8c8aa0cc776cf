"""Which wheels' hashes a lock file gets."""

from __future__ import annotations

import pytest
from packaging.utils import parse_wheel_filename

from tools import lock

TEXT = """# A comment.
-r requirements.txt
Numba==0.68.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
cuda-toolkit==13.0.3.0 ; sys_platform == 'linux' \\
    --hash=sha256:cc
"""


def test_pins_are_read_with_and_without_hashes():
    expected = {"numba": "Numba==0.68.1", "cuda-toolkit": "cuda-toolkit==13.0.3.0 ; sys_platform == 'linux'"}
    assert lock.pins(TEXT) == expected
    assert lock.pins("\n".join(expected.values()) + "\n") == expected
    assert lock.introduction(TEXT) == ["# A comment.", "-r requirements.txt"]


@pytest.mark.parametrize(
    ("tags", "supported"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64", True),
        ("cp314-cp314-manylinux_2_28_aarch64", True),
        ("cp313-cp313-macosx_14_0_arm64", True),
        ("cp312-cp312-macosx_10_13_universal2", True),
        ("cp39-abi3-manylinux2014_x86_64", True),
        ("py3-none-manylinux_2_28_aarch64", True),
        ("cp310-cp310-manylinux_2_28_x86_64", False),
        ("cp313-cp313t-manylinux_2_28_x86_64", False),
        ("cp312-cp312-musllinux_1_2_x86_64", False),
        ("cp312-cp312-win_amd64", False),
        ("cp312-cp312-manylinux_2_31_riscv64", False),
        ("pp311-pypy311_pp73-manylinux_2_28_x86_64", False),
    ],
)
def test_a_wheel_counts_where_the_workflow_runs(tags, supported):
    found = parse_wheel_filename(f"a-1.0-{tags}.whl")[3]
    assert any(map(lock.is_supported, found)) == supported


def test_a_package_has_the_hashes_of_its_wheels_or_of_its_source():
    source = {"hashes": {"sha256": "dd"}}
    wheels = [
        {"url": "somewhere/a-1.0-cp312-cp312-win_amd64.whl", "hashes": {"sha256": "aa"}},
        {"url": "somewhere/a-1.0-py3-none-any.whl", "hashes": {"sha256": "bb"}},
    ]
    package = {"name": "a", "version": "1.0", "sdist": source, "marker": "sys_platform == 'linux'"}
    assert lock.requirement(package | {"wheels": wheels}, False) == "a==1.0 \\\n    --hash=sha256:bb"
    assert lock.requirement(package, True) == "a==1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:dd"


def test_the_validators_are_resolved_apart(monkeypatch, tmp_path):
    """They may have other versions of the same packages than everything else."""
    texts = {"requirements.txt": "rich==15.0.0\n", "requirements-validators.txt": "# Apart.\nrich==13.9.4\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def resolve(requirements):
        (pin,) = requirements
        name, version = pin.split("==")
        return {name: {"name": name, "version": version, "sdist": {"hashes": {"sha256": version[:2]}}}}

    monkeypatch.setattr(lock, "resolve", resolve)
    monkeypatch.setattr(lock, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(lock, "VALIDATORS", tmp_path / "requirements-validators.txt")
    lock.main()
    written = [(tmp_path / name).read_text(encoding="utf-8") for name in texts]
    assert written == [
        "rich==15.0.0 \\\n    --hash=sha256:15\n",
        "# Apart.\nrich==13.9.4 \\\n    --hash=sha256:13\n",
    ]


def test_torch_has_the_hashes_of_both_indexes_or_no_lock_is_written():
    wheels = [{"url": "somewhere/torch-2.13.0-cp312-cp312-macosx_14_0_arm64.whl", "hashes": {"sha256": "aa"}}]
    torch = {"name": "torch", "version": "2.13.0", "wheels": wheels}
    lines = lock.requirement(torch, False).split(" \\\n    --hash=sha256:")
    assert lines[:2] == ["torch==2.13.0", "aa"]
    assert len(lines) == 10
    with pytest.raises(SystemExit, match=r"torch-cpu\.sha256 lists no build of torch 99\.0"):
        lock.requirement(torch | {"version": "99.0"}, False)
