"""Verdicts on the paper's claims: evidence from tables of runs, the rules that decide, and the replication table.

May import ``tables``, ``statistics`` and what lies below them, but nothing that needs torch or matplotlib.
"""
