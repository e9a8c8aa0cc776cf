"""What is to be run: from the configuration to studies, cells with their seeds, and the plan of jobs.

``config.yaml`` is checked (``schema``, ``checks``, ``configuration``) and expanded into studies (``grid``): cells
(``cell``), each with seeds (``seeds``). Seeds are assigned to jobs (``assignment``), and a ``plan`` knows the jobs of
each study. What a table is made from is written to ``results/plans`` (``table_plan``). The rules of the workflow ask a
``workflow`` for files, parameters and ``resources``; ``status`` looks at what the jobs have done so far.

May import ``storage``, ``tasks`` and ``paper``, but nothing that needs torch.
"""
