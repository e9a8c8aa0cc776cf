from __future__ import annotations

from matplotlib.colors import to_hex

from capacity.dictionary import cells, measures
from capacity.dictionary.column import names
from capacity.figures import quantities


def test_a_quantity_is_a_score_the_loss_or_a_floor():
    shares = [quantities.HELD_OUT, quantities.FACTS, quantities.SEEN]
    shares += [quantities.SEEN_ADDITION, quantities.SEEN_SUBTRACTION]
    assert {quantity.column for quantity in shares} <= set(measures.SCORES)
    assert {quantity.column for quantity in quantities.FLOORS} <= set(names(cells.FLOORS))


def test_the_legend_shows_a_quantity_as_it_is_drawn():
    line = quantities.HELD_OUT.legend_handle()
    assert (line.get_label(), line.get_marker()) == ("held-out expressions right", "o")
    assert to_hex(line.get_color()) == to_hex(quantities.HELD_OUT.colour)
    assert quantities.HELD_OUT.legend_handle(marks=False).get_marker() == ""
