"""Capacity, memorization and generalization of small Transformers: the library behind the workflow."""

__version__ = "0.1.0"
