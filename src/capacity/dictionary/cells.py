"""Columns that name and describe a cell, the same in every table of a study."""

from __future__ import annotations

from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column, Columns

NAMES: Columns = (
    Column("cell", TEXT, "Canonical name of the cell: its folder below results/cells."),
    Column("task", TEXT, "Task that the cell is trained on, such as arithmetic, facts or joint (both)."),
    Column("size", TEXT, "Size of the network: a name of the paper, or the numbers of layers, heads and so on."),
    Column("variant", TEXT, "Settings that depart from the paper's base protocol; paper where none does."),
)

DEPARTS = Column(
    "departs", TEXT, "How the cell departs from what the paper published, in words; empty where it does not."
)
PUBLISHED = Column("published", FLAG, "Whether the cell is one that the paper published, with all of its settings.")

SETTINGS: Columns = (
    PUBLISHED,
    DEPARTS,
    Column("layers", INTEGER, "Number of Transformer blocks.", "layers"),
    Column("heads", INTEGER, "Number of attention heads in each block.", "heads"),
    Column("width", INTEGER, "Length of the vector that represents a position.", "dimensions"),
    Column("mlp_factor", INTEGER, "Width of the hidden layer of each MLP, as a multiple of the width."),
    Column("largest_operand", INTEGER, "Largest operand of arithmetic: operands are 0 to this number, in the paper 9."),
    Column(
        "held_out",
        TEXT,
        "Pairs of operands whose sums and differences are held out, such as 57, or 0517 if one has two digits.",
    ),
    Column(
        "held_out_fraction",
        NUMBER,
        "Share of the unordered pairs of operands, 55 of digits, that is held out, as it was asked for where pairs are "
        "drawn.",
    ),
    Column("split_seed", TEXT, "Seed that draws the pairs that are held out; none where they are listed."),
    Column("facts", INTEGER, "Number of facts in the corpus: capitals of the paper, or random ones.", "facts"),
    Column("answers", TEXT, "Answers of the seen expressions: correct, or permuted within each operation."),
    Column(
        "fact_kind",
        TEXT,
        "What stands where the paper has facts: capitals, filler of the same lengths, synthetic facts of random "
        "letters, or the same letters as strings.",
    ),
    Column("key_length", INTEGER, "Letters of a key of random facts; it decides nothing of others.", "letters"),
    Column("value_length", INTEGER, "Letters of a value of random facts; it decides nothing of others.", "letters"),
    Column("fact_seed", INTEGER, "Seed that draws the letters of random facts; it decides nothing of others."),
    Column("mixing", TEXT, "How the lines of two tasks stand in one text: in blocks, or shuffled together."),
    Column("arithmetic_share", NUMBER, "Share of arithmetic among the lines of the text, as asked for or as it is."),
    Column("corpus_seed", INTEGER, "Seed of the shuffle that puts the lines of the corpus in order."),
    Column("stream", TEXT, "How the lines are made into training rows: fixed is the paper's way."),
    Column("learning_rate", NUMBER, "Highest learning rate, reached after the warm-up."),
    Column("final_learning_rate", NUMBER, "Learning rate after the decay."),
    Column("weight_decay", NUMBER, "Weight decay of AdamW."),
    Column("dropout", NUMBER, "Probability with which dropout sets an activation to zero.", "probability"),
    Column("block", INTEGER, "Number of positions that the network can read.", "characters"),
    Column("batch", INTEGER, "Number of rows in a training batch.", "rows"),
    Column("iterations", INTEGER, "Number of updates of a run.", "updates"),
    Column("warmup_iterations", INTEGER, "Number of updates over which the learning rate rises.", "updates"),
    Column("decay_iterations", INTEGER, "Number of updates after which the learning rate stays at its end.", "updates"),
    Column("evaluation_interval", INTEGER, "Number of updates from one evaluation to the next.", "updates"),
    Column(
        "initialisation_seed",
        TEXT,
        "Seed of the initial weights of every run of the cell, whose own seed decides its batches and dropout alone; "
        "'of the run' where it decides the weights too.",
    ),
)
"""Where a cell stands beside the paper, and every setting of its training."""

COUNTS: Columns = (
    Column("parameters", INTEGER, "Number of parameters of the network.", "parameters"),
    Column(
        "parameters_without_positions",
        INTEGER,
        "Number of parameters of the network without those that embed positions.",
        "parameters",
    ),
)

FLOORS: Columns = (
    Column(
        "loss_floor_order_known",
        NUMBER,
        "Lowest loss of anything that reads the training rows, the order of their lines included; "
        "empty where the stream has no order to be known.",
        "nats per character",
    ),
    Column(
        "loss_floor_order_unknown",
        NUMBER,
        "Lowest loss of a rule that knows every trained line and not their order.",
        "nats per character",
    ),
    Column(
        "order_bits_at_most",
        NUMBER,
        "Highest possible value of order_bits: that of a run at loss_floor_order_known.",
        "bits",
    ),
)
