"""The tasks: lines of text, the vocabulary, what is asked, and what counts as right.

May import ``paper`` and ``errors`` only.
"""
