"""Where the Python package is that the rules run, and how a job starts it."""

import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

VERSION = "0.1.0"
"""Of the Python package that these rules run. It lies in src of a clone; where rules are fetched, it must be installed."""

ROOT = Path(workflow.current_basedir).parents[1] if isinstance(workflow.current_basedir, os.PathLike) else None
IN_CLONE = ROOT is not None and (ROOT / "src/capacity").is_dir()
if IN_CLONE and set("{}").intersection(str(ROOT)):
    raise WorkflowError(
        f"The clone is in {str(ROOT)!r}, and Snakemake takes braces in a path for the name of a variable: move the clone "
        "to a folder without braces in its name"
    )
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

versions.check_versions()

# In a job, `python` is the Python that runs Snakemake, unless an environment is made for each rule (--sdm).
OWN_FOLDER = Path.cwd() / ".snakemake"
METHODS = {method.name.lower() for method in workflow.deployment_settings.deployment_method}
prelude = environment.job_prelude(
    OWN_FOLDER,
    import_path=environment.import_folder(OWN_FOLDER) if IN_CLONE or METHODS else None,
    python=None if METHODS else sys.executable,
)
shell.prefix(prelude.replace("{", "{{").replace("}", "}}"))

# Snakemake starts the jobs of a batch system, and those of `run:` rules, by this path without quotes.
sys.executable = environment.unquoted_python(OWN_FOLDER, Path(workflow.workdir_init))


# Before anything is submitted.
onstart:
    try:
        if not workflow.local_exec:
            environment.check_python(sys.executable)
    except errors.InputError as error:
        raise WorkflowError(str(error))
