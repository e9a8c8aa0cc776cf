"""What is to be run: cells, seeds, grids of a study, the configuration, the plan of jobs, and their resources.

May import ``tasks``, ``paper`` and ``storage``, but nothing that needs torch.
"""
