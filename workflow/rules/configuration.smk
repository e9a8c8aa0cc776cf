"""Configuration files are read here before Snakemake reads config.yaml, whose errors would end in a traceback.

Of two equal keys Snakemake takes the last; here the file is refused. What --configfile names Snakemake has read already.
"""

from capacity.experiment import configuration_files

IS_MODULE = not workflow.modifier.is_main_snakefile()

if not IS_MODULE:
    try:
        for path in [Path("config.yaml"), *map(Path, workflow.overwrite_configfiles)]:
            if path.exists():
                configuration_files.read_configuration(path)
    except (errors.InputError, OSError) as error:
        raise WorkflowError(f"The configuration cannot be read.\n{error}")
