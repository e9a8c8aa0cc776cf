"""Capacity, memorization and generalization of small Transformers: the stages of the workflow."""

__version__ = "0.1.0"
