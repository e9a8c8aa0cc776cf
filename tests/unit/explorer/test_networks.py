from __future__ import annotations

import base64

import numpy
import pytest

from capacity.experiment import workflow
from capacity.experiment.cell import make_cell
from capacity.explorer.content import MOST_PARAMETERS
from capacity.explorer.networks import Network, in_rounds, layout, that_fit
from capacity.paper.protocol import Size

SIZE = {"small": 10, "large": 100}


def test_each_cell_has_its_turn_and_the_seed_of_the_paper_comes_first():
    runs = [("large", 1), ("small", 5), ("small", 1337), ("large", 0), ("small", 2), ("small", 5)]
    assert in_rounds(runs, SIZE) == [("small", 1337), ("large", 0), ("small", 2), ("large", 1), ("small", 5)]


@pytest.mark.parametrize(
    ("room", "expected"),
    [(0, set()), (10, {"b"}), (20, {"a", "b"}), (30, {"a", "b", "c"}), (60, {"a", "b", "c", "d"})],
)
def test_studies_share_the_room_and_take_what_others_leave(room, expected):
    """Of 10 each but d, of 30, in the order a, d, c and b: with room for one alone, half of it is too little for a."""
    lengths = {("a", 0): 10, ("b", 0): 10, ("c", 0): 10, ("d", 0): 30}
    by_study = [[("a", 0), ("d", 0), ("c", 0)], [("b", 0), ("a", 0)]]
    assert {cell for cell, _ in that_fit(by_study, lengths, room)} == expected


def test_nothing_fits_where_there_is_no_study():
    assert that_fit([], {}, 100) == set()


def test_weights_are_written_low_byte_first_in_the_order_of_their_layout():
    network = Network({"a": numpy.array([[1, 2]], numpy.float32), "b": numpy.array([-0.5], ">f4")})
    assert base64.b64decode(network.to_text()).hex() == "0000803f" + "00000040" + "000000bf"
    shapes = layout(make_cell("arithmetic", Size(2, 1, 4, 3)), 17)
    assert shapes[:3] == [("token_embedding", 17, 4), ("position_embedding", 9, 4), ("blocks.0.attention_norm", 1, 4)]
    assert shapes[-1] == ("final_norm", 1, 4)
    assert ("blocks.1.mlp_in", 12, 4) in shapes


def test_the_workflow_names_the_weights_of_every_network_that_the_page_may_hold():
    assert workflow.LARGEST_EXPLORED == MOST_PARAMETERS
