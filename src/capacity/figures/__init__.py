"""Figures, drawn from tables alone: one file per figure, and the style that they share.

The only package that imports matplotlib. May import ``tables``, ``statistics`` and what lies below them.
"""
