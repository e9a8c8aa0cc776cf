"""Answers of studies: rules that turn the tables of a study into a sentence, and the pages that show it.

A rule is a pure function from the tables and the options in the configuration to an :class:`Answer`: what came out in a
word, a sentence that is filled from the numbers, the tables that it rests on, what would change it, and the runs that
are missing. One file is one rule, and ``registry`` has them by name.
"""
