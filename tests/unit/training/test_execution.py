from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from capacity.training.execution import KERNELS, PRECISIONS, Execution


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_recorded_is_what_took_effect(kernel, precision, graph, device):
    """But for the kernel, of which the cell decides too: the record of a job names the program that trained."""
    expected = {"precision": precision, "compile": True, "graph": graph and device == "cuda"}
    expected |= {"kernel": kernel, "threads": 3}
    assert Execution(precision, True, graph, kernel, 3).record(device) == expected


def test_the_plain_execution_is_single_precision_without_compiler_and_graph():
    plain = {"precision": "float32", "compile": False, "graph": False, "kernel": "auto", "threads": 1}
    assert Execution().record("cpu") == plain


def compiler(folder, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def place_torch(monkeypatch, path: str) -> None:
    """Let torch be installed elsewhere."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=path))


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without a compiler, and the folder on its path."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    place_torch(monkeypatch, "/folder/torch/__init__.py")
    return tmp_path / "bin"


def test_to_compile_on_a_cpu_takes_a_compiler(bare):
    with pytest.raises(ValueError, match=r"compile: true needs a C\+\+ compiler .*none is found; set it to false"):
        Execution(compile=True).check("cpu")
    Execution(compile=True).check("cuda")
    Execution(compile=False).check("cpu")


def test_the_compiler_of_the_platform_will_do(bare):
    compiler(bare, "clang++" if sys.platform == "darwin" else "g++")
    Execution(compile=True).check("cpu")


def test_a_compiler_that_the_environment_names_will_do(bare, tmp_path, monkeypatch):
    compiler(tmp_path / "elsewhere", "my-c++")
    monkeypatch.setenv("CXX", str(tmp_path / "elsewhere" / "my-c++"))
    Execution(compile=True).check("cpu")


@pytest.mark.parametrize("place", ["torch", "cache"])
def test_a_path_with_a_space_is_refused_where_torch_would_not_quote_it(place, bare, monkeypatch):
    compiler(bare, "clang++" if sys.platform == "darwin" else "g++")
    if place == "torch":
        place_torch(monkeypatch, "/a folder/torch/__init__.py")
    else:
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/a folder/.snakemake/torchinductor")
    with pytest.raises(ValueError, match=r"compile: true does not work where a path has a space \(/a folder"):
        Execution(compile=True).check("cpu")
    Execution(compile=True).check("cuda")
    Execution(compile=False).check("cpu")


@pytest.mark.parametrize("named", ["no-such-c++", None])
def test_a_compiler_that_torch_would_not_use_will_not_do(named, bare, monkeypatch):
    """torch runs CXX, or g++ (clang++ on macOS) if there is none, and looks for no other."""
    if named:
        compiler(bare, "g++")
        compiler(bare, "clang++")
        monkeypatch.setenv("CXX", named)
    else:
        compiler(bare, "g++" if sys.platform == "darwin" else "clang++")
    with pytest.raises(ValueError, match=r"compile: true needs a C\+\+ compiler"):
        Execution(compile=True).check("cpu")
