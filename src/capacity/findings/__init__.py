"""The page of findings: what came out, in prose whose every number is computed from a table.

:mod:`capacity.findings.page` fills the template ``findings.md.j2``; each section of the page has a module.

May import ``claims``, ``tables`` and what lies below them, but nothing that needs torch or matplotlib.
"""
