"""The network and its training as compiled functions, for networks without dropout on a CPU.

What is computed here has the same bytes on every processor. :mod:`capacity.model.transformer` is the readable form of
the same network, and the tests compare the two.

A file of this folder imports Numba, NumPy and its neighbours alone. What is compiled is kept until a file of this
folder changes (:mod:`capacity.kernel.cache`).
"""
