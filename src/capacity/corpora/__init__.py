"""A corpus and how it is read: lines as Parquet, streams of training rows, and the distinct prefixes of rows.

May import ``experiment``, ``storage``, ``tasks`` and what lies below them.
"""
