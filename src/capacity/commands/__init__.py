"""Subcommands of ``python -m capacity``: one file per command. Each rule that makes results runs one of them.

A command declares its arguments, reads files, calls the library and writes files. Nothing else in the package knows
about argv. A command may import everything below it; the modules are imported only when their command runs, so that
``python -m capacity status`` does not load torch.
"""

COMMANDS = {
    "plan": "write the plan of a table",
    "corpus": "write the corpus of a cell",
    "train": "train the seeds of a cell",
    "evaluate": "evaluate the trained networks of a job",
    "tabulate": "make the tables of runs and cells of a study",
    "histories": "make the table of all evaluations during training",
    "expressions": "make the table of answers by expression",
    "expression-histories": "make the table of when each run answers each expression",
    "dynamics": "make the tables of times to fit and to generalize",
    "draw-tradeoff": "draw accuracy against the number of parameters",
    "draw-curves": "draw accuracies and losses over training",
    "draw-dynamics": "draw when runs generalize and when they lose it again",
    "draw-answers": "draw which expressions each size answers",
    "draw-measures": "draw measures over the axes of a study, as its configuration says",
    "draw-held-out-histories": "draw which held-out expressions come and go",
    "answer": "write the page of a study: its question, what was run, and the answer",
    "laboratory": "write the page of all studies: question, answer and runs of each",
    "replication": "put the paper's numbers beside ours",
    "draw-replication": "draw the paper's numbers beside ours",
    "claims": "judge the paper's claims",
    "findings": "write the page of findings",
    "methods": "write the text of methods, ready to paste into a paper",
    "explorer": "write the page with all runs and networks, which opens without a network",
    "report-of-study": "write the page and the tables of a study as HTML, for the report",
    "report-of-all": "write the answer that the report opens on, and the pages on all studies as HTML",
    "archive": "write the archive: weights, corpora, tables, figures, code, cards and what they are made of",
    "manifest": "write the checksums of the tables, figures and pages of a study",
    "data-dictionary": "write the page that names every column of every table",
    "ask": "ask a trained network",
    "to-nanogpt": "write a trained network under nanoGPT's names of parameters",
    "status": "show what is running, done and waiting",
    "verify": "look for damaged, foreign, stale and missing files in results",
    "compare": "compare two folders of results",
    "publish": "copy what the documentation shows out of results",
}
"""Every command with a line of help; command ``draw-curves`` is the module ``draw_curves`` of this package."""
