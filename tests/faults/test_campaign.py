"""The fault campaign, in small. `make faults` runs it at length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.repository import SOURCE


def test_a_job_killed_at_15_moments_loses_nothing_and_ends_in_the_same_bytes():
    """In a process of its own: it forks, which is safe only before threads are started."""
    command = [sys.executable, str(Path(__file__).with_name("campaign.py")), "--kills", "15", "--seed", "20251124"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    counts = json.loads(done.stdout)
    zero = dict.fromkeys(("failed by themselves", "files half-written", "progress lost", "bytes that differ"), 0)
    zero["files left over"] = 0
    assert {name: counts[name] for name in zero} == zero
    assert counts["kills"] >= 15
    assert all(counts[name] > 0 for name in set(counts) - set(zero))
