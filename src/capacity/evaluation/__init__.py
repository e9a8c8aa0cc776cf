"""What a trained network knows: its answers, scores, margins, loss floors and memorized bits.

May import ``model``, ``corpora`` and what lies below them.
"""
