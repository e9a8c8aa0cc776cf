from __future__ import annotations

from functools import partial

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.corpora.prefixes import Numbers, Prefixes, prefixes_of
from capacity.corpora.streams import Stream
from capacity.exact.generator import Generator
from capacity.model import transformer
from capacity.model.transformer import PrefixTensors
from capacity.paper.protocol import BLOCK, STREAMS, TASKS, Size
from tests.support.plain_transformer import random_stack

ONE = Size(layers=1, heads=1, width=6, mlp_factor=1)
DEEP = Size(layers=2, heads=2, width=8, mlp_factor=2)

some_rows = st.builds(
    lambda seed, number, length, characters: random_rows(number, length, characters, seed),
    st.integers(0, 10**6),
    number=st.integers(1, 12),
    length=st.integers(1, 7),
    characters=st.sampled_from([1, 2, 3, 66]),
)


def random_rows(number: int, length: int, characters: int, seed: int = 3) -> Numbers:
    return Generator(seed).integers(characters, (number, length))


def padded_rows(number: int, length: int, characters: int) -> Numbers:
    """Rows of any length, the shortest a single character, with zeros behind."""
    lengths = numpy.arange(number) % length + 1
    return random_rows(number, length, characters) * (numpy.arange(length) < lengths[:, None])


def plain_prefixes(rows: Numbers) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """Each distinct prefix and where it ends, as (row, place), in reading order."""
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for number, row in enumerate(rows.tolist()):
        for place in range(len(row)):
            found.setdefault(tuple(row[: place + 1]), []).append((number, place))
    return found


def described(prefixes: Prefixes) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """The same of what is to be checked, which has to agree with itself in every attribute."""
    count, length = len(prefixes), prefixes.rows.shape[1]
    assert sorted(set(prefixes.rows.flatten().tolist())) == list(range(count))
    assert prefixes.ends.shape == prefixes.last_inputs.shape == (count,)
    assert prefixes.tokens.shape == prefixes.places.shape
    characters = prefixes.tokens[prefixes.row_inputs]
    assert numpy.array_equal(
        prefixes.places[prefixes.row_inputs], numpy.broadcast_to(numpy.arange(length), prefixes.rows.shape)
    )
    inputs = list(zip(prefixes.tokens.tolist(), prefixes.places.tolist(), strict=True))
    assert len(set(inputs)) == len(inputs)

    where: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, row in enumerate(prefixes.rows.tolist()):
        for place, prefix in enumerate(row):
            where[prefix].append((number, place))
    texts = [tuple(characters[spots[0][0], : spots[0][1] + 1].tolist()) for spots in where]
    assert len(set(texts)) == count
    assert prefixes.ends.tolist() == [spots[0][0] * length + spots[0][1] for spots in where]
    last = [inputs[number] for number in prefixes.last_inputs.tolist()]
    assert last == [(text[-1], len(text) - 1) for text in texts]
    return dict(zip(texts, where, strict=True))


@given(rows=some_rows)
def test_prefixes_are_those_of_a_plain_dictionary(rows):
    prefixes = prefixes_of(rows)
    assert described(prefixes) == plain_prefixes(rows)
    assert numpy.array_equal(prefixes.tokens[prefixes.row_inputs], rows)
    assert len(prefixes.tokens) == len({(place, int(row[place])) for row in rows for place in range(len(row))})


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("task", TASKS)
def test_prefixes_of_a_stream_are_those_of_a_plain_dictionary(task, stream):
    lines = corpus_lines(task, [(5, 7)], 50, 1337)
    block = BLOCK[task] if stream in ("fixed", "reshuffled") else 40
    rows = Stream(corpus.stream_lines(lines), corpus.vocabulary(lines), stream, block).rows.inputs
    assert described(prefixes_of(rows)) == plain_prefixes(rows)


@given(rows=some_rows, data=st.data())
def test_selected_rows_have_the_prefixes_of_those_rows_alone(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=15))
    whole = prefixes_of(rows)
    selected = whole.select(numpy.array(chosen))
    assert described(selected) == plain_prefixes(rows[chosen]) == described(prefixes_of(rows[chosen]))
    assert numpy.array_equal(selected.tokens, whole.tokens)
    assert numpy.array_equal(selected.places, whole.places)


def test_the_prefixes_of_all_rows_are_selected_unchanged():
    whole = prefixes_of(random_rows(20, 5, 3))
    every = whole.select(numpy.arange(20))
    assert all(numpy.array_equal(value, getattr(every, name)) for name, value in vars(whole).items())


def test_a_prefix_is_found_at_its_first_place_in_reading_order():
    rows = numpy.array([[4, 1, 1], [4, 1, 2], [0, 0, 0], [4, 1, 2]])
    prefixes = prefixes_of(rows)
    at = {place: int(prefixes.rows.flatten()[place]) for place in range(12)}
    assert [int(prefixes.ends[at[place]]) for place in range(12)] == [0, 1, 2, 0, 1, 5, 6, 7, 8, 0, 1, 5]
    assert len(prefixes) == 7
    again = prefixes.select(numpy.array([1, 3, 0]))
    numbers = again.rows.flatten().tolist()
    assert [int(again.ends[number]) for number in numbers] == [0, 1, 2, 0, 1, 2, 0, 1, 8]


def test_prefixes_on_a_device_are_the_same():
    prefixes = prefixes_of(random_rows(5, 4, 3))
    here, elsewhere = (vars(PrefixTensors.of(prefixes, device)) for device in ("cpu", "meta"))
    assert here.keys() == elsewhere.keys() == vars(prefixes).keys()
    assert all(numpy.array_equal(value.numpy(), getattr(prefixes, name)) for name, value in here.items())
    assert {str(value.device) for value in elsewhere.values()} == {"meta"}


FEW = random_rows(40, 5, 3)  # 15 inputs, whose 225 pairs are fewer than 40 x 25
MANY = random_rows(3, 9, 17)  # about 26 inputs, whose pairs are more than 3 x 81
ROWS = {
    "few inputs": (FEW, True),
    "many inputs": (MANY, False),
    "few inputs and padding": (padded_rows(40, 5, 3), True),
    "many inputs and padding": (padded_rows(6, 9, 17), False),
    "one row": (MANY[:1], True),
    "one character": (FEW[:, :1], True),
}


def stacked(rows: Numbers, seeds: int) -> Tensor:
    """The same rows for each network of a stack."""
    return torch.from_numpy(rows).expand(seeds, -1, -1)


def differentiate(parameters: transformer.Parameters, logits: Tensor, upstream: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(logits, list(parameters.values()), upstream))


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("size", [ONE, DEEP], ids=lambda size: size.name)
def test_logits_after_prefixes_are_those_at_every_position_with_their_gradients(size, seeds, kind, monkeypatch):
    rows, from_table = ROWS[kind]
    called = dict.fromkeys(("_attention_weights", "_attention_weights_of_inputs"), 0)

    def counting(name: str):
        function = getattr(transformer, name)

        def call(*arguments):
            called[name] += 1
            return function(*arguments)

        return call

    parameters = random_stack(size, 17, 9, seeds)
    for value in parameters.values():
        value.requires_grad_()
    every = transformer.forward(parameters, stacked(rows, seeds), size.heads)
    for name in called:
        monkeypatch.setattr(transformer, name, counting(name))
    prefixes = prefixes_of(rows)
    after = transformer.forward_prefixes(parameters, PrefixTensors.of(prefixes, "cpu"), size.heads)
    assert after.shape == (seeds, 17, len(prefixes))
    assert after.dtype == torch.float64
    shared = after[:, :, torch.from_numpy(prefixes.rows.ravel())]
    torch.testing.assert_close(shared, every, rtol=0, atol=1e-10)
    upstream = torch.randn(every.shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    found, expected = (differentiate(parameters, logits, upstream) for logits in (shared, every))
    for name, one, other in zip(parameters, found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10, msg=partial("{}: {}".format, name))
    inputs = len(prefixes.tokens)
    assert from_table == (inputs**2 <= rows.shape[0] * rows.shape[1] ** 2)
    assert called == {
        "_attention_weights_of_inputs": int(from_table),
        "_attention_weights": size.layers - int(from_table),
    }


@pytest.mark.parametrize("size", [ONE, DEEP], ids=lambda size: size.name)
@pytest.mark.parametrize("chosen", [range(0, 40, 2), (7, 3)], ids=["from the table of inputs", "of themselves"])
def test_logits_after_selected_prefixes_are_those_of_the_selected_rows(size, chosen):
    """A selection keeps all inputs of the rows that it was made from, also those that it has not."""
    parameters = random_stack(size, 17, 9, 2)
    index = numpy.array(list(chosen))
    prefixes = prefixes_of(FEW).select(index)
    after = transformer.forward_prefixes(parameters, PrefixTensors.of(prefixes, "cpu"), size.heads)
    shared = after[:, :, torch.from_numpy(prefixes.rows.ravel())]
    every = transformer.forward(parameters, stacked(FEW[index], 2), size.heads)
    torch.testing.assert_close(shared, every, rtol=0, atol=1e-10)


def test_a_network_of_a_stack_does_not_feel_the_others_when_prefixes_are_shared():
    parameters = random_stack(DEEP, 17, 9, 3, dtype=torch.float32)
    prefixes = PrefixTensors.of(prefixes_of(FEW), "cpu")
    before = transformer.forward_prefixes(parameters, prefixes, DEEP.heads)
    others = {name: torch.cat([value[:1] + 1, value[1:2], value[2:] * 2]) for name, value in parameters.items()}
    assert torch.equal(transformer.forward_prefixes(others, prefixes, DEEP.heads)[1], before[1])


@pytest.mark.parametrize("number", [1, 5, 40])
def test_the_number_of_states_that_are_computed_is_rounded_up_so_that_batches_share_their_shapes(number, monkeypatch):
    columns = []
    gelu = functional.gelu
    monkeypatch.setattr(functional, "gelu", lambda x: columns.append(x.shape[2]) or gelu(x))
    prefixes = prefixes_of(random_rows(number, 7, 66))
    after = transformer.forward_prefixes(random_stack(DEEP, 66, 7, 1), PrefixTensors.of(prefixes, "cpu"), DEEP.heads)
    assert after.shape[2] == len(prefixes)
    assert columns == [-(-len(prefixes) // 32) * 32] * DEEP.layers
