"""Verdicts on the paper's claims, and the paper's numbers beside ours.

Tables of runs become :class:`~capacity.claims.arms.Arm` objects, one for the runs of each published cell. Each claim,
or kind of claim, has a module whose ``assess`` turns arms into a :class:`~capacity.claims.conclusions.Conclusion`: an
outcome, the evidence and the rule. :func:`~capacity.claims.judge.judge` asks all of them.

May import ``tables``, ``statistics`` and what lies below them, but nothing that needs torch or matplotlib.
"""
