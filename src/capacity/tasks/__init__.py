"""The tasks: one file each, the registry that lists them, and the vocabulary of a text.

May import ``paper`` and ``errors`` only.
"""
