"""Training: schedule, batches, losses, optimizer and loop, and the snapshots from which a job resumes.

May import ``evaluation``, ``model``, ``corpora`` and what lies below them. ``loop`` is the place to start reading.
"""
