"""The fault campaign, in small. `make faults` runs it at length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_a_job_killed_at_25_moments_loses_nothing_and_ends_in_the_same_bytes():
    """In a process of its own: it forks, which is safe only before threads are started."""
    command = [sys.executable, str(Path(__file__).with_name("campaign.py")), "--kills", "25", "--seed", "20251124"]
    counts = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    assert counts["kills"] >= 25
    assert all(counts[name] > 0 for name in ("while writing", "by SIGKILL", "by SIGTERM", "by SIGINT", "jobs finished"))
    zero = ("failed by themselves", "files half-written", "progress lost", "bytes that differ", "files left over")
    assert {name: counts[name] for name in zero} == dict.fromkeys(zero, 0)
