"""Snakemake that asks about its jobs every second.

The plugin for SLURM asks ten seconds later after each round in which no job ended, whatever options say.
"""

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

if __name__ == "__main__":
    RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
    main()
