from __future__ import annotations

from capacity.corpora import corpus
from capacity.training import history as training_history
from capacity.training import loop
from tests.support.short_cells import nothing, short_cell


def test_a_history_is_a_table_of_numbers_and_digits():
    cell = short_cell()
    history = loop.train(cell, corpus.build(cell), [3], "cpu", nothing).history
    table = training_history.history_table(history)
    assert table.to_pylist() == history
    others = {"seed": "int64", "iteration": "int64", "questions_right": "string"}
    types = {field.name: str(field.type) for field in table.schema}
    assert {name: types.pop(name) for name in others} == others
    assert set(types.values()) == {"double"}
