"""What the rules share: the validated configuration, the plan of jobs, and how a stage is called."""

import functools
import json
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir).parent.parent
sys.path.insert(0, str(ROOT / "src"))

from capacity import cells, configuration, errors, files, jobs  # noqa: E402

# Tensors come and go by the megabyte: glibc is told to keep their memory instead of returning it to the system and
# asking for it again, which costs up to a tenth of the time of a small network. In a job, `python` is the Python that runs Snakemake, unless an environment is made for each rule (--sdm).
PREFIX = f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(ROOT / 'src'))}; "
PREFIX += "export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296; "
if not workflow.deployment_settings.deployment_method:
    PREFIX += f'python() {{ {shlex.quote(sys.executable)} "$@"; }}; '
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))

SCHEMA = configuration.read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
try:
    for path in map(Path, workflow.configfiles):
        if path.suffix != ".json":
            configuration.read_yaml(path)  # Snakemake lets a key that stands there twice pass
    STUDIES = configuration.validate(config, SCHEMA)
except errors.InputError as error:
    raise WorkflowError(f"The configuration (config.yaml, --config and --configfile) cannot be run.\n{error}")
try:
    for folder in (Path.cwd(), Path("results")):
        files.check_writable(folder)
except errors.InputError as error:
    elsewhere = f"snakemake --directory FOLDER --configfile {shlex.quote(str(ROOT / 'config.yaml'))}"
    raise WorkflowError(
        f"{error}\nTo work in another folder: {elsewhere} --snakefile {shlex.quote(str(ROOT / 'Snakefile'))}"
    )


# A job on a full disk may not even be able to say so in its log.
onerror:
    if Path("results").exists() and shutil.disk_usage("results").free < 2**20:
        print("The disk of results is full: make room and run the same command again.", file=sys.stderr)


PLAN = jobs.plan(config, Path("results/cells"), STUDIES)
BUDGET = config["budgets"][config["budget"]]


wildcard_constraints:
    cell=r"task=[a-z]+/size=[a-z0-9]+/variant=[a-z0-9_.+-]+",
    seeds=r"[0-9]+[0-9_-]*",
    corpus=r"(arithmetic|facts|joint)[a-z0-9_.-]*",
    study=r"[a-z][a-z0-9-]*",
    task=r"arithmetic|facts|joint",
    figure=r"tradeoff|arithmetic|facts|joint",
    table=r"[a-z][a-z0-9-]*(/(arithmetic|facts|joint))?",


def digest(stage):
    """The digest of the code that a stage runs: an edit reruns what it affects, and nothing else."""
    return files.source_digest(stage)


@functools.cache
def cell_of(name):
    """The cell of that name. One of no study comes from a path on the command line: the same bounds hold for it."""
    if name in PLAN.cells:
        return PLAN.cells[name]
    cell = jobs.cell_of(name)
    configuration.check_named(cell, SCHEMA)
    return cell


def threads_of(wildcards):
    return configuration.threads(config, cell_of(wildcards.cell).size)


def work_of(wildcards):
    return jobs.work(cell_of(wildcards.cell), cells.parse_seeds(wildcards.seeds))


def execution_of(wildcards):
    return configuration.execution_options(config, cell_of(wildcards.cell).size)


def snapshots_of(wildcards, output):
    """Not the wildcards alone decide it, as far as Snakemake can tell: so a change of it reruns nothing."""
    return configuration.snapshot_options(config)


def corpus_of(wildcards):
    return f"results/corpora/{cell_of(wildcards.cell).corpus_name}.parquet"


def tables_of_figure(wildcards):
    study = wildcards.get("study", jobs.MAIN_STUDY)
    table = study if wildcards.figure == "tradeoff" else f"{study}/{wildcards.figure}"
    return {name: f"results/tables/{table}/{name}.parquet" for name in ("runs", "history", "summary")}


def runs_of_budget(*studies):
    """The runs of the studies that the budget runs: of all, or of those among the ones named."""
    return [f"results/tables/{study}/runs.parquet" for study in BUDGET["run"] if study in (studies or BUDGET["run"])]


def tables_of_tasks(wildcards, name):
    """A table of each task with arithmetic of a study."""
    study = wildcards.get("study", jobs.MAIN_STUDY)
    return [f"results/tables/{study}/{task}/{name}.parquet" for task in PLAN.expression_tasks(study)]


def table_outputs():
    names = ("summary.md", "dynamics.md", "items.parquet")
    against_the_paper = ["results/tables/replication.md", "results/tables/claims.md", "results/findings.md"]
    return expand("results/tables/{study}/{name}", study=BUDGET["run"], name=names) + against_the_paper


def figure_outputs():
    return [path for study in BUDGET["run"] for path in jobs.figure_paths(PLAN.studies[study])]


def wanted_outputs():
    return table_outputs() + figure_outputs()
