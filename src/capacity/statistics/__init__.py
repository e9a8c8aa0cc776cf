"""Intervals, survival curves, trends across sizes and comparisons of groups, as pure functions of numbers.

One kind of number has one kind of interval, at 95 %, wherever it is shown:

- *k of n runs*: the exact interval of the share (Clopper-Pearson).
- *a mean over seeds*: the percentile bootstrap, with 10,000 resamples. A single seed has none. Where all seeds agree,
  the interval has no width, however few they are.
- *the share of runs without an event over time*: pointwise limits that agree with the exact interval until the first
  run is censored.

The only exception is the difference of two shares in a test of equivalence, whose interval is at 90 % because it
belongs to two one-sided tests at 5 %.

This is the only package that imports statsmodels, and it does so in the functions that need it: statsmodels and
``scipy.stats``, which scipy loads at its first use, take longer to load than most tables take to make. The package may
import nothing else of ``capacity`` but ``errors``.
"""
