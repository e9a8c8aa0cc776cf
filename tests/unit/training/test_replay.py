"""A replayed update, on a machine that stands for a CUDA device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from capacity.training.replay import EAGER_UPDATES, Replay


class Machine:
    """Stands for a CUDA device: kernels run when they are launched, but a graph keeps those of its capture, and runs
    them each time that it is replayed. What happens is told in ``log``."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.stream = "main"
        self.graphs: list[FakeGraph] = []
        self.capturing: FakeGraph | None = None

    def launch(self, kernel: Callable[[], object]) -> None:
        if self.capturing is None:
            kernel()
        else:
            self.capturing.kernels.append(kernel)


class FakeStream:
    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name

    def wait_stream(self, other: FakeStream) -> None:
        self.machine.log.append(f"{self.name} waits for {other.name}")


class FakeGraph:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.graphs.append(self)
        self.kernels: list[Callable[[], object]] = []
        self.generators: list[torch.Generator] = []

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.machine.log.append("register")
        self.generators.append(generator)

    def replay(self) -> None:
        self.machine.log.append("replay")
        for kernel in self.kernels:
            kernel()


@pytest.fixture
def machine(monkeypatch) -> Machine:
    found = Machine()

    @contextlib.contextmanager
    def stream(chosen: FakeStream) -> Iterator[None]:
        before, found.stream = found.stream, chosen.name
        yield
        found.stream = before

    @contextlib.contextmanager
    def graph(chosen: FakeGraph) -> Iterator[None]:
        found.log.append("capture")
        found.capturing = chosen
        yield
        found.capturing = None

    monkeypatch.setattr(torch.cuda, "Stream", lambda: FakeStream(found, "side"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: FakeStream(found, found.stream))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: FakeGraph(found))
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    return found


class Sum:
    """An update: adds what it reads to a weight, in place, and returns the weight before."""

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine
        self.weight = torch.zeros(2)
        self.read: list[tuple[Tensor, ...]] = []

    def __call__(self, once: Tensor, twice: Tensor) -> Tensor:
        result = torch.full((2,), torch.nan)

        def kernel() -> None:
            result.copy_(self.weight)
            self.weight.add_(once + 2 * twice)

        self.read.append((once, twice))
        if self.machine is None:
            kernel()
        else:
            self.machine.log.append(f"update on {self.machine.stream}")
            self.machine.launch(kernel)
        return result


def batches(number: int) -> list[tuple[Tensor, Tensor]]:
    draws = torch.Generator().manual_seed(1)
    return [(torch.rand(2, generator=draws), torch.rand(2, generator=draws)) for _ in range(number)]


def test_a_replay_runs_eagerly_on_a_stream_aside_then_captures_once_and_then_only_replays(machine):
    update = Sum(machine)
    replay = Replay(update, [torch.Generator(), torch.Generator()])
    assert machine.log == []
    for once, twice in batches(EAGER_UPDATES):
        replay(once, twice)
    assert machine.log == ["side waits for main", "update on side", "main waits for side"] * EAGER_UPDATES
    machine.log.clear()
    for once, twice in batches(4):
        replay(once, twice)
    assert machine.log == ["register", "register", "capture", "update on main", "replay", "replay", "replay", "replay"]
    assert len(update.read) == EAGER_UPDATES + 1


def test_a_replay_does_to_the_weights_what_the_update_does(machine):
    update, plain = Sum(machine), Sum()
    replay = Replay(update, [])
    results = []
    for once, twice in batches(EAGER_UPDATES + 5):
        results.append((replay(once, twice), plain(once, twice)))
        assert torch.equal(update.weight, plain.weight)
    for found, expected in results:  # looked at in the end: a result is not written over by later replays
        assert torch.equal(found, expected)


def test_arguments_are_copied_into_the_captured_tensors_and_left_as_they_are(machine):
    update = Sum(machine)
    replay = Replay(update, [])
    given = batches(EAGER_UPDATES + 3)
    kept = [tuple(each.clone() for each in batch) for batch in given]
    for once, twice in given:
        replay(once, twice)
    captured = update.read[-1]
    assert all(torch.equal(*pair) for pair in zip(captured, given[-1], strict=True))
    assert not {each.data_ptr() for each in captured} & {each.data_ptr() for batch in given for each in batch}
    assert all(
        torch.equal(*pair) for one, other in zip(given, kept, strict=True) for pair in zip(one, other, strict=True)
    )


def test_the_generators_are_registered_before_the_capture_that_draws_from_them(machine):
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]
    replay = Replay(Sum(machine), generators)
    for once, twice in batches(EAGER_UPDATES + 3):
        replay(once, twice)
    (graph,) = machine.graphs
    assert all(one is other for one, other in zip(graph.generators, generators, strict=True))
    assert machine.log.index("capture") > max(n for n, said in enumerate(machine.log) if said == "register")


def test_a_captured_update_cannot_read_more_or_fewer_tensors(machine):
    replay = Replay(Sum(machine), [])
    for once, twice in batches(EAGER_UPDATES + 1):
        replay(once, twice)
    with pytest.raises(ValueError, match="argument"):
        replay(*batches(1)[0], torch.zeros(2))
