# The tables of a study, or of one of its tasks. The list of its jobs may not fit a command line, so the stage makes it again from the
# part of the configuration that decides it.
rule tabulate:
    input:
        evaluations=lambda wildcards: PLAN.files_of(wildcards.study, "evaluation"),
    output:
        runs="results/tables/{study}/runs.parquet",
        summary="results/tables/{study}/summary.parquet",
        csv=report(
            "results/tables/{study}/summary.csv",
            category="Tables",
            subcategory="{study}",
            labels={"table": "summary, all endpoints (CSV)"},
            caption="../report/summary.rst",
        ),
        markdown=report(
            "results/tables/{study}/summary.md",
            category="Tables",
            subcategory="{study}",
            labels={"table": "summary (text)"},
            caption="../report/summary.rst",
        ),
    log:
        "results/logs/tables/{study}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        table=lambda wildcards: wildcards.study,
        config=lambda wildcards: json.dumps(plan.config_of(config, wildcards.study)),
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        cells=cells_below,
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        code=digest("tabulate"),
    shell:
        "python -m capacity tabulate {params.table:q} --config {params.config:q} --cells {params.cells:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


# The tables of one task of a study, so that a figure of one task trains that task only.
use rule tabulate as tabulate_task with:
    input:
        evaluations=lambda wildcards: PLAN.files_of(f"{wildcards.study}/{wildcards.task}", "evaluation"),
    output:
        runs="results/tables/{study}/{task}/runs.parquet",
        summary="results/tables/{study}/{task}/summary.parquet",
        csv="results/tables/{study}/{task}/summary.csv",
        markdown="results/tables/{study}/{task}/summary.md",
    log:
        "results/logs/tables/{study}/{task}.log",
    params:
        table=lambda wildcards: f"{wildcards.study}/{wildcards.task}",
        config=lambda wildcards: json.dumps(plan.config_of(config, f"{wildcards.study}/{wildcards.task}")),
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        cells=cells_below,
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        code=digest("tabulate"),


# Apart from the other tables, as it has a hundred times their rows: the two are made side by side.
rule histories:
    input:
        histories=lambda wildcards: PLAN.files_of(wildcards.table, "history"),
    output:
        "results/tables/{table}/history.parquet",
    log:
        "results/logs/histories/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        config=lambda wildcards: json.dumps(plan.config_of(config, wildcards.table)),
        cells=cells_below,
        code=digest("histories"),
    shell:
        "python -m capacity histories {wildcards.table:q} --config {params.config:q} --cells {params.cells:q}"
        " --output {output:q} > {log:q} 2>&1"
