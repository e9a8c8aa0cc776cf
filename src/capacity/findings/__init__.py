"""The page of findings and the text of methods: prose whose every number is computed from a table or the code.

:mod:`capacity.findings.page` fills the template ``findings.md.j2`` and :mod:`capacity.findings.methods` the template
``methods.md.j2``; each section has a module.

May import ``claims``, ``studies``, ``tables`` and what lies below them, but nothing that needs torch or matplotlib.
"""
