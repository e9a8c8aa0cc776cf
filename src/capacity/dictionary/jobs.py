"""Columns of the tables that lie beside the networks of a job, and of the corpora that they are trained on."""

from __future__ import annotations

from capacity.dictionary import mechanism
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column, Columns

SEED = Column("seed", INTEGER, "Seed of the run.")
DIVERGED = Column("diverged", FLAG, "Whether the loss or a parameter of the run stopped being finite.")
OPERATION = Column("operation", TEXT, "What is asked: addition, subtraction or recall (of a fact).")
SPLIT = Column(
    "split", TEXT, "Whether the line is trained on: seen or held_out; filler is trained on and not asked about."
)

CORPUS: Columns = (
    Column("text", TEXT, "Whole line as it is trained on, its newline included."),
    Column("prompt", TEXT, "Beginning of the line, up to the answer."),
    Column("paper_prompt", TEXT, "Prompt that the paper's evaluation uses; it differs from prompt for a few facts."),
    Column("answer", TEXT, "Answer that follows the prompt."),
    Column("terminator", TEXT, "Text that ends the answer."),
    Column("task", TEXT, "Task that the line belongs to: arithmetic or facts, also in a joint corpus."),
    OPERATION,
    Column("left", INTEGER, "Left operand; empty for a fact.", nullable=True),
    Column("right", INTEGER, "Right operand; empty for a fact.", nullable=True),
    SPLIT,
    Column(
        "position",
        INTEGER,
        "Place of the line in the training stream, from 0 on; empty if it is held out.",
        "lines",
        nullable=True,
    ),
)

ANSWERS: Columns = (
    SEED,
    DIVERGED,
    Column("question_task", TEXT, "Task that the question belongs to: arithmetic or facts, also in a joint run."),
    OPERATION,
    SPLIT,
    Column("prompts", TEXT, "Which prompt was used: paper, or matched (the text that the network was trained on)."),
    Column("prompt", TEXT, "Prompt that the network was given."),
    Column("true", TEXT, "Right answer."),
    Column("answer", TEXT, "Answer of the network, decoded greedily, up to and with its first newline."),
    Column("right", FLAG, "Whether the answer of the network is right."),
    Column(
        "log_probability",
        NUMBER,
        "Natural logarithm of the probability that the network gives the right answer and its terminator; empty where "
        "it is not finite.",
        "nats",
    ),
    Column(
        "margin",
        NUMBER,
        "How far the log-probability of the right answer lies above that of the best wrong candidate, negative "
        "where it lies below; empty where it is not finite.",
        "nats",
    ),
)

OPERANDS: Columns = (
    SEED,
    Column("prompt", TEXT, "Expression that the network was given, with operands from 0 to 19."),
    Column("answer", TEXT, "Answer of the network, decoded greedily, up to and with its first newline."),
)

MECHANISM: Columns = (SEED, *mechanism.MECHANISM)
