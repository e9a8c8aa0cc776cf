"""Tidy tables of a study, made from the files of its jobs: runs, summary, histories, dynamics and expressions.

May import ``statistics``, ``storage``, ``experiment`` and the parts of ``evaluation`` that need no torch.
"""
