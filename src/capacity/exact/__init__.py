"""Numbers that are the same on every machine.

The elementary functions of a C library, of NumPy and of torch round as the processor and the library's version have it.
Here everything is made of integers and of additions, multiplications, divisions and square roots of float64, which IEEE
754 defines to the last bit, in an order that is written down.
"""
