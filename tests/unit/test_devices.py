from __future__ import annotations

import pytest
import torch

from capacity import devices, errors, evaluate, train
from capacity.errors import InputError


@pytest.mark.parametrize(("available", "device"), [(False, "cpu"), (True, "cuda")])
def test_auto_takes_cuda_where_there_is_one(available, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert devices.resolve("auto") == device
    assert devices.resolve("cpu") == "cpu"


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device: cuda was asked for, but torch sees no CUDA device; use device=auto"):
        devices.resolve("cuda")


@pytest.mark.parametrize("stage", [train, evaluate])
def test_a_stage_that_is_to_use_a_gpu_that_is_not_there_ends_with_one_line(stage, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = ["task=facts/size=n14/variant=paper", "--seeds", "0", "--corpus", "absent", "--device", "cuda"]
    if stage is evaluate:
        arguments += ["--weights", "absent", "--history", "absent"]
    monkeypatch.setattr("sys.argv", ["stage", *arguments, "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match=r"^error: device: cuda was asked for, but torch sees no CUDA device"):
        errors.run(stage.main)
    assert list(tmp_path.iterdir()) == []


def test_the_cpu_is_called_cpu_in_a_record():
    assert devices.name("cpu") == "cpu"


def test_prepare_sets_the_threads_and_leaves_onednn_out():
    threads, enabled = torch.get_num_threads(), torch.backends.mkldnn.enabled
    try:
        devices.prepare(2)
        assert torch.get_num_threads() == 2
        assert not torch.backends.mkldnn.enabled
    finally:
        torch.set_num_threads(threads)
        torch.backends.mkldnn.set_flags(_enabled=enabled)
