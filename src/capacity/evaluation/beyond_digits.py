"""The expressions of :mod:`capacity.evaluation.operands`, with operands of 0 to 19, asked of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capacity.evaluation import operands
from capacity.evaluation.questions import QuestionSet
from capacity.model import transformer
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary

# Prompts of one decode: bounds its memory, and is the same for every stack, so that a seed's answers are its own.
PROMPTS_AT_ONCE = 200


def answer_beyond_digits(
    parameters: transformer.Parameters, heads: int, lines: Sequence[Line], vocabulary: Vocabulary, block: int
) -> list[dict[str, Any] | None]:
    """What each of S networks answers to expressions with operands of 0 to 19.

    Args:
        parameters: Of the stack of S networks.
        heads: Attention heads.
        lines: Of the corpus; only whether it has arithmetic matters.
        vocabulary: Characters of the corpus.
        block: Positions of the model; longer texts are cropped to their last ``block`` characters.

    Returns:
        For each network ``paper_prompts`` and ``trained_offset``, the scores by name for each way of asking, and
        ``answers``, the answers by prompt; or None for a corpus without arithmetic. A network that is not finite
        answers like any other, and wrongly.
    """
    if not any(line.task == ARITHMETIC.name for line in lines):
        return [None] * len(parameters["token_embedding"])
    asked = operands.asked()
    answers = _ask(parameters, heads, [line for each in asked.values() for line in each], vocabulary, block)
    return [operands.scores(asked, by_prompt) | {"answers": by_prompt} for by_prompt in answers]


def _ask(
    parameters: transformer.Parameters, heads: int, lines: Sequence[Line], vocabulary: Vocabulary, block: int
) -> list[dict[str, str]]:
    """For each network its answers by prompt, decoded greedily as in :mod:`capacity.evaluation.questions`."""
    answers: list[dict[str, str]] = [{} for _ in range(len(parameters["token_embedding"]))]
    for first in range(0, len(lines), PROMPTS_AT_ONCE):
        part = lines[first : first + PROMPTS_AT_ONCE]
        continuations = QuestionSet(part, vocabulary, block).ask(parameters, heads).continuations
        for by_prompt, texts in zip(answers, continuations, strict=True):
            by_prompt |= {line.prompt: text for line, text in zip(part, texts, strict=True)}
    return answers
