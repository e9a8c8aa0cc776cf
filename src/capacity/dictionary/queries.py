"""Questions to the tables of a study, as DuckDB answers them: examples for the page of the data dictionary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """A question, and the SQL that answers it from the folder of the repository.

    Attributes:
        question: in words.
        sql: for DuckDB; ``{study}`` stands for the name of a study.
    """

    question: str
    sql: str


QUERIES = (
    Query(
        "What share of the held-out expressions does each size answer right? From the single answers of every cell "
        "that was evaluated; the folders name task, size, variant and seeds (Hive partitioning), and `question_task` "
        "says what a question of a joint run is about.",
        """\
SELECT task, size, variant, count(DISTINCT seed) AS runs, avg("right"::INTEGER) AS held_out_right
FROM read_parquet('results/cells/**/answers.parquet', hive_partitioning = true)
WHERE question_task = 'arithmetic' AND split = 'held_out'
GROUP BY task, size, variant
ORDER BY task, size, variant;""",
    ),
    Query(
        "How did each run of a study end? One row per run, from the table of runs.",
        """\
SELECT task, size, parameters, seed, final_seen, final_held_out, final_facts_matched_prompts, final_stream_loss
FROM 'results/tables/{study}/runs.parquet'
WHERE NOT diverged
ORDER BY task, parameters, seed;""",
    ),
    Query(
        "How do the loss and the held-out share go over training, on average over the seeds? From the histories.",
        """\
SELECT task, size, iteration, avg(stream_loss) AS loss, avg(held_out) AS held_out_right
FROM 'results/tables/{study}/history.parquet'
WHERE isfinite(stream_loss)
GROUP BY task, size, iteration
ORDER BY task, size, iteration;""",
    ),
)
