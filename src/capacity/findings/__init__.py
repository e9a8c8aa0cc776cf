"""The page of findings: what came out, in prose whose every number is computed from a table.

May import ``claims``, ``tables`` and what lies below them, but nothing that needs torch or matplotlib.
"""
