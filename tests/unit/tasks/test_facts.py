from __future__ import annotations

import pytest

from capacity.corpora.corpus import corpus_lines
from capacity.tasks.facts import FACTS, fact_line
from capacity.tasks.registry import is_right

PAPER_FACTS = """
France Paris; the USA Washington DC; Japan Tokyo; Germany Berlin; Italy Rome; Spain Madrid; the UK London;
Canada Ottawa; Australia Canberra; India New Delhi; China Beijing; Russia Moscow; Brazil Brasilia; Mexico Mexico City;
South Korea Seoul; Argentina Buenos Aires; Egypt Cairo; Saudi Arabia Riyadh; Turkey Ankara; Indonesia Jakarta;
Nigeria Abuja; Pakistan Islamabad; Colombia Bogota; Thailand Bangkok; Vietnam Hanoi; the Netherlands Amsterdam;
Belgium Brussels; Sweden Stockholm; Norway Oslo; Denmark Copenhagen; Finland Helsinki; Poland Warsaw; Austria Vienna;
Switzerland Bern; Portugal Lisbon; Greece Athens; Ireland Dublin; New Zealand Wellington; South Africa Pretoria;
Israel Jerusalem; Iran Tehran; Iraq Baghdad; Syria Damascus; Lebanon Beirut; Jordan Amman; Kuwait Kuwait City;
Qatar Doha; Oman Muscat; Bahrain Manama; Zambia Lusaka
"""


def test_the_facts_are_the_papers_in_the_papers_order():
    lines = corpus_lines("facts", [(5, 7)], 50, 3)
    said = [line.text.removeprefix("Capital of ").removesuffix(" \n").replace(" is ", " ", 1) for line in lines]
    assert said == " ".join(PAPER_FACTS.split()).split("; ")


def test_two_prompts_of_the_paper_do_not_match_the_training_text():
    lines = corpus_lines("facts", [], 50, 1337)
    differing = {line.prompt: line.paper_prompt for line in lines if line.prompt != line.paper_prompt}
    assert differing == {
        "Capital of the USA is ": "Capital of USA is ",
        "Capital of the UK is ": "Capital of UK is ",
    }


@pytest.mark.parametrize("facts", [0, 51, -1])
def test_a_number_of_facts_that_the_paper_does_not_have_is_refused(facts):
    with pytest.raises(ValueError, match=f"facts: {facts} is not between 1 and 50"):
        FACTS.lines(facts=facts)


@pytest.mark.parametrize(
    ("line", "continuation", "right"),
    [
        (fact_line("France", "Paris"), "Paris \nCapital of Ja", True),
        (fact_line("France", "Paris"), "Paris\n", True),
        (fact_line("France", "Paris"), "  pARIS  ", True),
        (fact_line("France", "Paris"), "Paris is ", False),
        (fact_line("France", "Paris"), "\nParis \n", False),
        (fact_line("France", "Paris"), "Pari\n", False),
        (fact_line("India", "New Delhi"), "New Delhi \n", True),
        (fact_line("India", "New Delhi"), "NewDelhi \n", False),
        (fact_line("Mexico", "Mexico City"), "Mexico \n", False),
    ],
)
def test_right_and_wrong_continuations(line, continuation, right):
    assert is_right(line, continuation) is right
