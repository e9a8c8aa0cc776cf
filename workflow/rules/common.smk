"""What the rules share: the configuration, the plan of jobs, and the names that wildcards stand for."""

import shutil

from snakemake.utils import update_config

from capacity.experiment.configuration_files import read_yaml, with_numbers
from capacity.experiment.refusals import WithoutTraceback
from capacity.experiment.workflow import Workflow, cells_below, growing
from capacity.storage import files
from capacity.tasks import registry

# Where results are: a workflow that has this one as a module may put them elsewhere. If they are kept in a store, what
# is trained cannot be seen, and nothing of this working folder belongs to them.
RESULTS = Path(workflow.modifier.path_modifier.replace_prefix("results/cells")).parent
STORED = bool(workflow.storage_settings.default_storage_provider)

try:
    if IS_MODULE:
        # What another workflow says about it goes over the file here, as --configfile would.
        settings = read_yaml(Path(workflow.source_path("../../config.yaml")))
        update_config(settings, config)
        config = settings
    else:
        # Within a mapping or a list of --config, Snakemake takes numbers for text.
        update_config(config, with_numbers(dict(workflow.config_settings.config)))
    flow = WithoutTraceback(
        Workflow(
            config,
            cells=None if STORED else RESULTS / "cells",
            note=Path(".snakemake/configuration.json") if STORED else RESULTS / "configuration.json",
        )
    )
except errors.InputError as error:
    source = "given to the module" if IS_MODULE else "config.yaml, --config and --configfile"
    raise WorkflowError(f"The configuration ({source}) cannot be run.\n{error}")

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

try:
    if workflow.is_main_process and RESULTS.exists():
        files.check_links(RESULTS)
except (errors.InputError, OSError) as error:
    raise WorkflowError(str(error))


# A job on a full disk may not even be able to say so in its log.
onerror:
    if RESULTS.exists() and shutil.disk_usage(RESULTS).free < 2**20:
        print("The disk of results is full: make room and run the same command again.", file=sys.stderr)


container: config["container"]


if "apptainer" in METHODS and "://" not in config["container"] and not Path(config["container"]).exists():
    raise WorkflowError(
        f"container: there is no image {config['container']}, seen from {Path.cwd()}; "
        "docs/environments.md says how to build it"
    )


TASK_NAMES = "|".join(registry.TASKS)


wildcard_constraints:
    cell=r"task=[a-z]+/size=[a-z0-9]+/variant=[a-z0-9_.+-]+",
    seeds=r"[0-9]+[0-9_-]*",
    corpus=rf"({TASK_NAMES})[a-z0-9_.-]*",
    study=r"[a-z][a-z0-9-]*",
    task=TASK_NAMES,
    figure=rf"tradeoff|{TASK_NAMES}|dynamics|answers|held_out_histories",
    drawing=r"(?!index\.|answer\.)[a-z][a-z0-9-]*",
    table=rf"[a-z][a-z0-9-]*(/({TASK_NAMES}))?",


def noted_digest(wildcards):
    """The digest of the plan of a table. In a run that executes jobs, the configuration is written down with it."""
    executes = workflow.is_main_process and workflow.executor_plugin is not None and not workflow.dryrun
    if executes and not workflow.touch:
        flow.write_note()
    return flow.plan_digest(wildcards)
