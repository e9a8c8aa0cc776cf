"""How fast training is, beside a plain implementation, a JAX program and what the machine could do at best.

``python -m benchmarks`` from the root of the repository; ``python -m benchmarks --help`` says what can be chosen.
"""
