"""What the rules share: the validated configuration, the plan of jobs, and how a stage is called."""

import functools
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

VERSION = "0.1.0"
"""Of the Python package that these rules run. It lies in src of a clone; where rules are fetched, it must be installed."""

ROOT = Path(workflow.current_basedir).parents[1] if isinstance(workflow.current_basedir, os.PathLike) else None
IN_CLONE = ROOT is not None and (ROOT / "src/capacity").is_dir()
if IN_CLONE:
    sys.path.insert(0, str(ROOT / "src"))
try:
    import capacity

    installed = f"{capacity.__version__} is installed"
except (ImportError, AttributeError):
    installed = "none is installed"
if installed != f"{VERSION} is installed":
    repository = "FOLDER_OF_A_CLONE_OF_THAT_VERSION"
    if hasattr(workflow.current_basedir, "repo"):
        repository = "git+https://{0.host}/{0.repo}@{0.ref}".format(workflow.current_basedir)
    raise WorkflowError(
        f"These rules run the Python package capacity {VERSION}, and {installed} where Snakemake runs. Install it with\n"
        f"{shlex.quote(sys.executable)} -m pip install {repository}"
    )

from capacity import environment, errors, versions  # noqa: E402
from capacity.experiment import cell, configuration, grid, plan, resources, seeds  # noqa: E402
from capacity.storage import code, files  # noqa: E402
from capacity.tasks import registry  # noqa: E402

versions.check_versions()

SCHEMA = configuration.read_yaml(configuration.SCHEMA)
IS_MODULE = not workflow.modifier.is_main_snakefile()
try:
    if IS_MODULE:
        # What another workflow says about it goes over the file here, as --configfile would.
        settings = configuration.read_yaml(Path(workflow.source_path("../../config.yaml")))
        update_config(settings, config)
        config = settings
    else:
        for path in map(Path, workflow.configfiles):
            if path.suffix != ".json":
                configuration.read_yaml(path)  # Snakemake lets a key that stands there twice pass
    STUDIES = configuration.validate(config, SCHEMA)
except errors.InputError as error:
    source = "given to the module" if IS_MODULE else "config.yaml, --config and --configfile"
    raise WorkflowError(f"The configuration ({source}) cannot be run.\n{error}")

# Where results lie: a workflow that has this one as a module may put them elsewhere.
RESULTS = Path(workflow.modifier.path_modifier.replace_prefix("results/cells")).parent
try:
    for folder in (Path.cwd(), RESULTS):
        files.check_writable(folder)
except errors.InputError as error:
    if not IN_CLONE:
        raise WorkflowError(str(error))
    elsewhere = f"snakemake --directory FOLDER --configfile {shlex.quote(str(ROOT / 'config.yaml'))}"
    raise WorkflowError(
        f"{error}\nTo work in another folder: {elsewhere} --snakefile {shlex.quote(str(ROOT / 'Snakefile'))}"
    )

# Tensors come and go by the megabyte: glibc is told to keep their memory instead of returning it to the system and
# asking for it again, which costs up to a tenth of the time of a small network. What torch compiles is kept in the
# working folder, and not, as it would be, in one that all work of a user shares; for headers there is no other than that.
# In a job, `python` is the Python that runs Snakemake, unless an environment is made for each rule (--sdm).
#
# At a time limit a batch system sends SIGTERM to everything that a job runs. The shell waits for Python to save, and
# then leaves with its exit code; if it died first, the job would be over, and Python killed while it saves.
PREFIX = "set -euo pipefail; trap : TERM; "
if IN_CLONE or workflow.deployment_settings.deployment_method:
    PREFIX += f"export PYTHONPATH={shlex.quote(str(environment.import_folder(Path.cwd() / '.snakemake')))}; "
PREFIX += "export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296; "
PREFIX += f"export TORCHINDUCTOR_CACHE_DIR={shlex.quote(str(Path.cwd() / '.snakemake/torchinductor'))} "
PREFIX += "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS=0; "
if not workflow.deployment_settings.deployment_method:
    PREFIX += f'python() {{ {shlex.quote(sys.executable)} "$@"; }}; '
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))

# Snakemake starts the jobs of a batch system, and those of `run:` rules, by this path without quotes.
sys.executable = environment.unquoted_python(Path.cwd() / ".snakemake", Path(workflow.workdir_init))


# Before anything is submitted.
onstart:
    try:
        if not workflow.local_exec:
            environment.check_python(sys.executable)
    except errors.InputError as error:
        raise WorkflowError(str(error))


# A job on a full disk may not even be able to say so in its log.
onerror:
    if RESULTS.exists() and shutil.disk_usage(RESULTS).free < 2**20:
        print("The disk of results is full: make room and run the same command again.", file=sys.stderr)


container: config["container"]


METHODS = {method.name.lower() for method in workflow.deployment_settings.deployment_method}
if "apptainer" in METHODS and "://" not in config["container"] and not Path(config["container"]).exists():
    raise WorkflowError(
        f"container: the image {config['container']} is not there, seen from {Path.cwd()}; "
        "docs/environments.md says how to build it"
    )


# What lies here says nothing of what is in a store.
PLAN = plan.plan(config, None if workflow.storage_settings.default_storage_provider else RESULTS / "cells", STUDIES)
BUDGET = config["budgets"][config["budget"]]

TASK_NAMES = "|".join(registry.TASKS)


wildcard_constraints:
    cell=r"task=[a-z]+/size=[a-z0-9]+/variant=[a-z0-9_.+-]+",
    seeds=r"[0-9]+[0-9_-]*",
    corpus=rf"({TASK_NAMES})[a-z0-9_.-]*",
    study=r"[a-z][a-z0-9-]*",
    task=TASK_NAMES,
    figure=rf"tradeoff|{TASK_NAMES}|dynamics|answers",
    table=rf"[a-z][a-z0-9-]*(/({TASK_NAMES}))?",


source_digest = functools.cache(code.source_digest)


def digest(stage):
    """The digest of the code that a stage runs: an edit reruns what it affects, and nothing else. It is taken as a job is
    planned, not for every rule: on a cluster each job starts Snakemake anew, for one or two of them."""
    return lambda wildcards: source_digest(stage)


@functools.cache
def cell_of(name):
    """The cell of that name. One of no study comes from a path on the command line: the same bounds hold for it."""
    if name in PLAN.cells:
        return PLAN.cells[name]
    named = plan.cell_of(name)
    configuration.check_named(named, SCHEMA)
    return named


def threads_of(wildcards):
    return configuration.threads(config, cell_of(wildcards.cell).size)


def gpus_of(wildcards):
    return resources.gpus(config["device"])


def work_of(wildcards):
    return plan.work(cell_of(wildcards.cell), seeds_of(wildcards))


def seeds_of(wildcards):
    return seeds.parse_seeds(wildcards.seeds)


def training_mb(wildcards, attempt):
    return resources.training_mb(cell_of(wildcards.cell), attempt)


def training_minutes(wildcards, attempt):
    return resources.training_minutes(cell_of(wildcards.cell), len(seeds_of(wildcards)), attempt)


def evaluation_mb(wildcards, attempt):
    return resources.evaluation_mb(cell_of(wildcards.cell), len(seeds_of(wildcards)), attempt)


def evaluation_minutes(wildcards, attempt):
    return resources.evaluation_minutes(cell_of(wildcards.cell), len(seeds_of(wildcards)), attempt)


def growing(amount):
    """A resource of which a job asks for more in each attempt."""
    return lambda wildcards, attempt: amount * attempt


def execution_of(wildcards):
    return configuration.execution_options(config, cell_of(wildcards.cell).size)


def snapshots_of(wildcards, output):
    """Not the wildcards alone decide it, as far as Snakemake can tell: so a change of it reruns nothing."""
    return configuration.snapshot_options(config)


def corpus_of(wildcards):
    return f"results/corpora/{cell_of(wildcards.cell).corpus_name}.parquet"


def cells_below(wildcards, input):
    """The folder of the cells whose files are read: of a store, that of their local copies."""
    return str(Path(input[0]).parents[4])


def runs_of_budget(*studies):
    """The runs of the studies that the budget runs: of all, or of those among the ones named."""
    return [f"results/tables/{study}/runs.parquet" for study in BUDGET["run"] if study in (studies or BUDGET["run"])]


def tables_of_tasks(wildcards, name):
    """A table of each task with arithmetic of a study."""
    study = wildcards.study
    return [f"results/tables/{study}/{task}/{name}.parquet" for task in PLAN.expression_tasks(study)]


def table_outputs():
    names = ("summary.md", "dynamics.md", "expressions.parquet")
    against_the_paper = ["results/tables/replication.md", "results/tables/claims.md", "results/findings.md"]
    return expand("results/tables/{study}/{name}", study=BUDGET["run"], name=names) + against_the_paper


def figure_outputs():
    return [path for study in BUDGET["run"] for path in plan.figure_paths(PLAN.studies[study])]


def wanted_outputs():
    return table_outputs() + figure_outputs()
