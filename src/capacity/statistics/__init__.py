"""Intervals, survival, trends across sizes and comparisons of groups, as pure functions of numbers.

The only package that imports statsmodels. May import nothing else of the package but ``errors``.
"""
