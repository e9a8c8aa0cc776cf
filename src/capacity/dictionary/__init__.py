"""The data dictionary: every column of every table, with its kind, meaning and unit.

It is the one source of the checks that readers of a table make, of the descriptions in the Parquet files, and of the
page ``docs/data-dictionary.md``. It may import ``tasks`` alone, whose scores are columns, so that whatever writes a
table may use it.
"""
