"""The section on what was run: cells, seeds and departures from the paper's protocol."""

from __future__ import annotations

import pandas as pd

from capacity.experiment.seeds import format_seeds
from capacity.findings.prose import Values, cell_labels, table
from capacity.findings.sources import Sources
from capacity.paper import protocol
from capacity.tables import markdown


def what_was_run(sources: Sources, notes: markdown.Notes) -> Values:
    """Tell which cells were trained, for how long and with which seeds, and which of the paper's were not."""
    rows = []
    for study, tables in sources.studies.items():
        for cell in tables.summary.to_dict("records"):
            mine = tables.runs[tables.runs["cell"] == cell["cell"]]
            rows.append(
                (
                    study,
                    cell["task"],
                    cell["size"] + ("†" if cell["departs"] else ""),
                    markdown.count_runs(len(mine), int(mine["diverged"].sum())),
                    format_seeds(mine["seed"]).replace("_", ", "),
                    f"{cell['iterations']:,}",
                    notes.mark(cell["departs"]),
                )
            )
    frames = [tables.runs for tables in sources.studies.values() if len(tables.runs)]
    runs = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": [], "seed": [], "diverged": []})
    runs = runs.drop_duplicates(["cell", "seed"])
    lost = runs[runs["diverged"].astype(bool)]
    paper = sources.replication
    ran = paper["n"] > 0
    return {
        "table": table(("study", "task", "size", "runs", "seeds", "iterations", "departs"), rows),
        "notes": notes.lines(),
        "runs": len(runs),
        "diverged": [f"{row['task']} {row['size']} seed {row['seed']}" for row in lost.to_dict("records")],
        "published": len(paper),
        "published_run": int(ran.sum()),
        "to_the_letter": cell_labels(paper[ran & (paper["departs"] == "")]),
        "absent": cell_labels(paper[~ran]),
        "mlt_run": int((ran & (paper["size"] == protocol.MLT.name)).sum()),
        "mlt_departs": int((ran & (paper["size"] == protocol.MLT.name) & (paper["departs"] != "")).sum()),
    }
