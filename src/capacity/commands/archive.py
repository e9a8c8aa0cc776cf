"""Write the archive of a budget: weights, corpora, tables, figures, configuration, code, and a card for each size.

All files of results are checked first, as ``verify`` does it. The same results make the same archive. Beside it, the
record ``archive.json`` says what it was made of.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.archive import croissant
from capacity.archive.bundle import digests, write_bundle
from capacity.archive.cards import FOLDER, cards
from capacity.archive.contents import README, code_files, read_contents
from capacity.archive.crate import METADATA, crate
from capacity.archive.executed_jobs import executed_jobs, newest_date, read_times
from capacity.archive.readme import readme
from capacity.experiment.configuration import NEWEST
from capacity.storage import provenance, records
from capacity.tables.origins import read_origin

SNAKEMAKE = Path(".snakemake/metadata")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--results", default=Path("results"), type=Path, help="folder of results")
    parser.add_argument("--configuration", default=NEWEST, type=Path, help="configuration that made them (JSON)")
    parser.add_argument("--digest", nargs="*", default=[], help="digests of the plans of the studies, in their order")
    parser.add_argument("--metadata", default=SNAKEMAKE, type=Path, help="Snakemake's metadata, which have the times")
    parser.add_argument("--snakefile", type=Path, help="main file of the workflow, where there is no clone")
    parser.add_argument("--output", required=True, type=Path, help="ZIP file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    contents = read_contents(arguments.results, arguments.configuration, arguments.digest)
    jobs = executed_jobs(contents, read_times(arguments.metadata, contents))
    summaries = {}
    for study in contents.studies:
        tables = contents.root / "tables" / study
        origin = read_origin(tables / "runs.json", contents.plan.table(study).digest)
        summaries[study] = origin.read("summary", tables / "summary.parquet")
    record = provenance.record("archive", {"budget": contents.budget})
    described = {f"{FOLDER}/{size}.md": card for size, card in cards(summaries, jobs).items()}
    by_size = {Path(path).stem: path for path in described}
    pages = described | {README: readme(contents, jobs, by_size, record["git_commit"])}
    archived: dict[str, Path | bytes] = {
        **contents.files,
        **code_files(arguments.snakefile),
        **{path: text.encode() for path, text in pages.items()},
    }
    newest = max((job.ended for job in jobs if job.ended is not None), default=newest_date(contents))
    sums = digests(archived)
    archived[croissant.FILE] = croissant.croissant(contents, sums, newest)
    sums |= digests({croissant.FILE: archived[croissant.FILE]})
    sizes = {path: len(each) if isinstance(each, bytes) else each.stat().st_size for path, each in archived.items()}
    archived[METADATA] = crate(contents, jobs, sums, sizes, newest, record["git_commit"])
    write_bundle(arguments.output, archived, sums | digests({METADATA: archived[METADATA]}))
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], contents.files.values())
