"""The expressions of :mod:`capacity.evaluation.operands`, with operands of 0 to 19, asked of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capacity.evaluation import operands
from capacity.evaluation.decoding import Prompts
from capacity.model.networks import Networks
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary


def answer_beyond_digits(
    networks: Networks, lines: Sequence[Line], vocabulary: Vocabulary, block: int
) -> list[dict[str, Any] | None]:
    """What each of S networks answers to expressions with operands of 0 to 19.

    Args:
        networks: The S networks.
        lines: Of the corpus; only whether it has arithmetic, and of digits alone, matters.
        vocabulary: Characters of the corpus.
        block: Positions of the model; longer texts are cropped to their last ``block`` characters.

    Returns:
        For each network ``paper_prompts`` and ``trained_offset``, the scores by name for each way of asking, and
        ``answers``, the answers by prompt; or None for a corpus without arithmetic, or with larger operands of its
        own. A network that is not finite answers like any other, and wrongly.
    """
    if not operands.has_digits_alone(lines):
        return [None] * len(networks)
    asked = operands.asked()
    answers = _ask(networks, [line.prompt for each in asked.values() for line in each], vocabulary, block)
    return [operands.scores(asked, by_prompt) | {"answers": by_prompt} for by_prompt in answers]


def _ask(networks: Networks, prompts: Sequence[str], vocabulary: Vocabulary, block: int) -> list[dict[str, str]]:
    """For each network its answers by prompt."""
    continuations = Prompts(prompts, vocabulary, block, ARITHMETIC.new_characters).continuations(networks)
    return [dict(zip(prompts, texts, strict=True)) for texts in continuations]
