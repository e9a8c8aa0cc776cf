"""Facts: the capitals of 50 countries (paper, section 3.1), all of them trained on; or what stands in their place.

That is filler, from which nothing is to be learned, or any number of facts or strings of random letters.
"""

from __future__ import annotations

from capacity.paper import protocol
from capacity.tasks.random_facts import random_facts
from capacity.tasks.task import Line, Task

NAME = "facts"
TERMINATOR = " \n"

CAPITALS = (
    ("France", "Paris"),
    ("the USA", "Washington DC"),
    ("Japan", "Tokyo"),
    ("Germany", "Berlin"),
    ("Italy", "Rome"),
    ("Spain", "Madrid"),
    ("the UK", "London"),
    ("Canada", "Ottawa"),
    ("Australia", "Canberra"),
    ("India", "New Delhi"),
    ("China", "Beijing"),
    ("Russia", "Moscow"),
    ("Brazil", "Brasilia"),
    ("Mexico", "Mexico City"),
    ("South Korea", "Seoul"),
    ("Argentina", "Buenos Aires"),
    ("Egypt", "Cairo"),
    ("Saudi Arabia", "Riyadh"),
    ("Turkey", "Ankara"),
    ("Indonesia", "Jakarta"),
    ("Nigeria", "Abuja"),
    ("Pakistan", "Islamabad"),
    ("Colombia", "Bogota"),
    ("Thailand", "Bangkok"),
    ("Vietnam", "Hanoi"),
    ("the Netherlands", "Amsterdam"),
    ("Belgium", "Brussels"),
    ("Sweden", "Stockholm"),
    ("Norway", "Oslo"),
    ("Denmark", "Copenhagen"),
    ("Finland", "Helsinki"),
    ("Poland", "Warsaw"),
    ("Austria", "Vienna"),
    ("Switzerland", "Bern"),
    ("Portugal", "Lisbon"),
    ("Greece", "Athens"),
    ("Ireland", "Dublin"),
    ("New Zealand", "Wellington"),
    ("South Africa", "Pretoria"),
    ("Israel", "Jerusalem"),
    ("Iran", "Tehran"),
    ("Iraq", "Baghdad"),
    ("Syria", "Damascus"),
    ("Lebanon", "Beirut"),
    ("Jordan", "Amman"),
    ("Kuwait", "Kuwait City"),
    ("Qatar", "Doha"),
    ("Oman", "Muscat"),
    ("Bahrain", "Manama"),
    ("Zambia", "Lusaka"),
)
"""The paper's 50 pairs of a country and its capital, in the paper's order."""

PAPER_PROMPT_NAMES = {"the USA": "USA", "the UK": "UK"}
"""The two countries that the paper asks for without the article that they are trained with."""


def fact_line(country: str, capital: str) -> Line:
    """``Capital of X is Y`` and a space before the newline, as the paper writes it."""
    prompt = f"Capital of {country} is "
    paper_prompt = f"Capital of {PAPER_PROMPT_NAMES.get(country, country)} is "
    text = f"{prompt}{capital}{TERMINATOR}"
    return Line(text, prompt, paper_prompt, capital, TERMINATOR, NAME, "recall", None, "seen")


def filler_line(length: int) -> Line:
    """A line of some length that says nothing: dots, and a newline. It is trained on and never asked about."""
    dots = "." * (length - 1)
    return Line(f"{dots}\n", dots[:1], dots[:1], dots[1:], "\n", NAME, "recall", None, "filler")


def random_line(key: str, value: str, fact_kind: str) -> Line:
    """A fact of random letters, ``key value``; or the same letters as one string, which its beginning asks for."""
    prompt = f"{key} " if fact_kind == "synthetic" else key
    return Line(f"{prompt}{value}\n", prompt, prompt, value, "\n", NAME, "recall", None, "seen")


def fact_lines(
    facts: int,
    fact_kind: str = "capitals",
    key_length: int = protocol.KEY_LENGTH,
    value_length: int = protocol.VALUE_LENGTH,
    fact_seed: int = protocol.FACT_SEED,
) -> list[Line]:
    """The first so many of the paper's facts, filler of the same lengths, or the first so many of a seed's random ones.

    Args:
        facts: How many.
        fact_kind: One of :data:`capacity.paper.protocol.FACT_KINDS`.
        key_length: Letters of a random key, or of the beginning by which a random string is asked for.
        value_length: Letters that follow it.
        fact_seed: Draws the letters.

    Raises ValueError if there are not so many facts, or for less than one.
    """
    if fact_kind in protocol.RANDOM_FACT_KINDS:
        pairs = random_facts(facts, key_length, value_length, fact_seed)
        return [random_line(key, value, fact_kind) for key, value in pairs]
    if not 1 <= facts <= len(CAPITALS):
        raise ValueError(f"facts: {facts} is not between 1 and {len(CAPITALS)}, the number of capitals in the paper")
    lines = [fact_line(*pair) for pair in CAPITALS[:facts]]
    return [filler_line(len(line.text)) for line in lines] if fact_kind == "filler" else lines


def is_right(line: Line, continuation: str) -> bool:
    """Whether the first line of the text, stripped, is the capital, in capital or small letters."""
    return continuation.split("\n", 1)[0].strip().lower() == line.answer.lower()


def scores_of(line: Line, prompts: str) -> list[str]:
    """The scores that count a fact: that of its prompts, and the paper's ``combined_910`` on the paper's prompts."""
    return [f"facts_{prompts}_prompts", *(["combined_910"] if prompts == "paper" else [])]


FACTS = Task(
    name=NAME,
    block=protocol.BLOCK[NAME],
    batch=protocol.BATCH[NAME],
    axes=("facts", "fact_kind", "key_length", "value_length", "fact_seed"),
    make_lines=fact_lines,
    is_shuffled=False,
    operations=("recall",),
    prompts=("paper", "matched"),
    new_characters=20,
    is_right=is_right,
    scores=("facts_paper_prompts", "facts_matched_prompts", "combined_910"),
    scores_of=scores_of,
    bits="facts",
)
