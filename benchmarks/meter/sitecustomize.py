"""What each Snakemake of a run takes, written down as it ends: those of its jobs too, which nobody else waits for.

Python imports a module of this name as it starts, from the first folder on its path that has one. A stage gets another
path, and is in the time of the Snakemake that waits for it.
"""

import atexit
import json
import os
import resource
import sys
import time
from pathlib import Path


def write(folder: Path, started: float) -> None:
    """A file for this process: its command, the clock, and processor seconds, its own and of what it waited for."""
    own, waited = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    record = {
        "command": sys.orig_argv,
        "seconds": time.time() - started,
        "own_seconds": own.ru_utime + own.ru_stime,
        "waited_seconds": waited.ru_utime + waited.ru_stime,
    }
    (folder / f"{time.time_ns()}-{os.getpid()}.json").write_text(json.dumps(record), encoding="utf-8")


if os.environ.get("METER_FOLDER"):
    atexit.register(write, Path(os.environ["METER_FOLDER"]), time.time())
