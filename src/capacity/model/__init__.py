"""The Transformer, its weights on disk, and the device that it runs on.

May import ``corpora`` and what lies below it. ``transformer`` is the readable model.
"""
