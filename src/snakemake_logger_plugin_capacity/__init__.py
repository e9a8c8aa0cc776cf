"""A logger for Snakemake that shows results as they come: ``snakemake --logger capacity``.

It takes the place of what Snakemake writes on the terminal. Snakemake's own messages are in its log file, which is
named where the run begins, and :class:`capacity.experiment.run_messages.RunMessages` has the words of this one.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

SHOWN = {LogEvent.RUN_INFO, LogEvent.JOB_INFO, LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR}
"""The events that lines come from. The first of them comes when the rules have been read."""
IDLE = "Nothing to be done"
"""How Snakemake begins to say that everything is there already."""
TOLD = "Exiting because a job execution failed"
"""How Snakemake begins to say what the lines of a job that failed have said."""


class LogHandler(LogHandlerBase):
    """Writes the lines of a run on standard error."""

    def __post_init__(self) -> None:
        """Begin to count the seconds of the run."""
        self._begin = time.monotonic()

    @functools.cached_property
    def _lines(self) -> dict[LogEvent, Callable[[Any], list[str]]]:
        # Snakemake loads every such plugin before it reads the rules, which say where the package is.
        from capacity.experiment.run_messages import Job, RunMessages

        def job_of(record: Any) -> Job:
            return Job(record.rule_name, dict(record.wildcards or {}), list(record.output))

        messages = RunMessages(lambda: time.monotonic() - self._begin)
        return {
            LogEvent.RUN_INFO: lambda record: messages.planned(record.stats),
            LogEvent.JOB_INFO: lambda record: messages.begun(record.jobid, job_of(record)),
            LogEvent.JOB_FINISHED: lambda record: messages.ended(record.job_id),
            LogEvent.JOB_ERROR: lambda record: messages.broken(
                record.jobid, record.rule_name, record.log, record.shellcmd
            ),
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a message of Snakemake means for who watches."""
        event = getattr(record, "event", None)
        if event in SHOWN:
            lines = self._lines[event](record)
        elif event is None and _is_for_all(record):
            lines = [record.getMessage()]
        else:
            lines = []
        for line in lines:
            print(line, file=sys.stderr, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        """Whether it takes the place of what Snakemake writes on the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it decides itself what is shown."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it puts messages into words itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether Snakemake has to tell it the graph of rules."""
        return False


def _is_for_all(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return message.startswith(IDLE) or (record.levelno >= logging.WARNING and not message.startswith(TOLD))
