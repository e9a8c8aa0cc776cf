from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import torch

from capacity.errors import InputError
from capacity.model import devices
from capacity.training.execution import Execution
from tests.support.commands import run_command
from tests.support.repository import SOURCE


@pytest.mark.parametrize(
    ("driver", "available", "device"), [(False, True, "cpu"), (True, False, "cpu"), (True, True, "cuda")]
)
def test_auto_takes_cuda_where_there_is_one(driver, available, device, monkeypatch):
    monkeypatch.setattr(devices, "has_gpu_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert devices.resolve("auto") == device
    assert devices.resolve("cpu") == "cpu"


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device: cuda was asked for, but torch sees no CUDA device; use device=auto"):
        devices.resolve("cuda")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_command_that_is_to_use_a_gpu_that_is_not_there_ends_with_one_line(command, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = ["task=facts/size=n14/variant=paper", "--seeds", "0", "--corpus", "absent", "--device", "cuda"]
    if command == "evaluate":
        arguments += ["--weights", "absent", "--history", "absent"]
    with pytest.raises(SystemExit, match=r"^error: device: cuda was asked for, but torch sees no CUDA device"):
        run_command(command, *arguments, "--output", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_cpu_is_called_cpu_in_a_record():
    assert devices.name("cpu") == "cpu"


@pytest.fixture
def prepared():
    """Leave torch as it was."""
    threads, enabled = torch.get_num_threads(), torch.backends.mkldnn.enabled
    yield
    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(_enabled=enabled)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_prepare_sets_the_threads_and_uses_onednn_for_bfloat16_alone(bfloat16, prepared):
    devices.prepare(2, bfloat16)
    assert torch.get_num_threads() == 2
    assert torch.backends.mkldnn.enabled == bfloat16


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is another one")
def test_memory_of_large_tensors_is_taken_from_the_system_once(prepared):
    devices.prepare(1)

    def pages_of_a_tensor() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(25_000_000)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert min(pages_of_a_tensor() for _ in range(10)) < 1000  # of the 25,000 that it lies on


@pytest.mark.parametrize("feature", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_with_instructions_for_bfloat16_will_do(feature, monkeypatch):
    features = {"architecture": "any", "avx512_f": True, feature: True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    Execution(precision="bfloat16").check("cpu")


@pytest.mark.parametrize("features", [{}, {"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}])
def test_a_processor_without_instructions_for_bfloat16_is_refused_before_a_network_is_trained(features, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    with pytest.raises(InputError, match=r"precision: bfloat16 on a CPU needs .* AVX-512 BF16 or AMX .*float32"):
        Execution(precision="bfloat16").check("cpu")
    Execution(precision="bfloat16").check("cuda")
    Execution(precision="float32").check("cpu")


def test_jobs_beside_one_another_take_gpus_in_turn_and_share_them_evenly_when_there_are_more_jobs(tmp_path):
    with ExitStack() as jobs:
        taken = [jobs.enter_context(devices.least_taken("abc", tmp_path)) for _ in range(7)]
    assert taken == [0, 1, 2, 0, 1, 2, 0]


def test_a_gpu_is_free_again_when_its_job_is_done(tmp_path):
    with devices.least_taken("ab", tmp_path) as first:
        with devices.least_taken("ab", tmp_path) as second:
            assert (first, second) == (0, 1)
        with devices.least_taken("ab", tmp_path) as third:
            assert third == 1
    with devices.least_taken("ab", tmp_path) as fourth:
        assert fourth == 0


def test_a_job_that_sees_some_of_the_gpus_meets_the_others_on_those(tmp_path):
    """SLURM shows each job its own GPU alone, as number 0."""
    with devices.least_taken("ab", tmp_path) as first, devices.least_taken("ba", tmp_path) as second:
        assert "ab"[first] != "ba"[second]


def test_a_gpu_of_a_process_that_was_killed_is_free_again(tmp_path):
    code = """
import sys, time
from pathlib import Path
from capacity.model import devices
from capacity.training.execution import Execution
with devices.least_taken("ab", Path(sys.argv[1])) as number:
    print(number, flush=True)
    time.sleep(60)
"""
    source = str(SOURCE)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": source}
    ) as other:
        assert other.stdout.readline() == "0\n"
        with devices.least_taken("ab", tmp_path) as beside:
            assert beside == 1
        other.kill()
        other.wait()
        with devices.least_taken("ab", tmp_path) as after:
            assert after == 0


def test_cuda_means_the_gpu_that_was_taken_while_a_job_is_placed(monkeypatch, tmp_path):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"gpu-{number}"))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with devices.placed("cuda"), devices.placed("cuda"), devices.placed("cuda"):
        pass
    assert chosen == [0, 1, 0]


def test_on_a_cpu_a_job_asks_for_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", None)
    with devices.placed("cpu"):
        pass
