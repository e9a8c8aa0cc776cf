"""Arithmetic and facts together: the text of the arithmetic task, then that of the facts (paper, section 3.1)."""

from __future__ import annotations

from capacity.paper import protocol
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.facts import FACTS
from capacity.tasks.task import JointTask

JOINT = JointTask(name="joint", block=protocol.BLOCK["joint"], batch=protocol.BATCH["joint"], parts=(ARITHMETIC, FACTS))
