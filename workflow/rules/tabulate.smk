localrules:
    list_jobs,


# Which jobs hold the runs of a table: a file, because the list of a large study does not fit a command line.
rule list_jobs:
    output:
        "results/tables/{table}/jobs.json",
    log:
        "results/logs/tables/{table}.jobs.log",
    params:
        jobs=lambda wildcards: PLAN.jobs_of(wildcards.table),
    run:
        files.write_json(output[0], params.jobs)


# The tables of a whole study. The captions of the report and the title come from the plan.
rule tabulate:
    input:
        jobs="results/tables/{study}/jobs.json",
        evaluations=lambda wildcards: PLAN.files_of(wildcards.study, "evaluation"),
        histories=lambda wildcards: PLAN.files_of(wildcards.study, "history"),
    output:
        runs="results/tables/{study}/runs.parquet",
        history="results/tables/{study}/history.parquet",
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
        mem_mb=2000,
        runtime=15,
    params:
        name=lambda wildcards: wildcards.study,
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        code=digest("tables"),
    shell:
        "python -m capacity.tables --study {params.name:q} --title {params.title:q} --jobs {input.jobs:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


# The tables of one task of a study, so that a figure of one task trains that task only.
use rule tabulate as tabulate_task with:
    input:
        jobs="results/tables/{study}/{task}/jobs.json",
        evaluations=lambda wildcards: PLAN.files_of(f"{wildcards.study}/{wildcards.task}", "evaluation"),
        histories=lambda wildcards: PLAN.files_of(f"{wildcards.study}/{wildcards.task}", "history"),
    output:
        runs="results/tables/{study}/{task}/runs.parquet",
        history="results/tables/{study}/{task}/history.parquet",
        summary="results/tables/{study}/{task}/summary.parquet",
        csv="results/tables/{study}/{task}/summary.csv",
        markdown="results/tables/{study}/{task}/summary.md",
    log:
        "results/logs/tables/{study}/{task}.log",
    params:
        name=lambda wildcards: f"{wildcards.study}/{wildcards.task}",
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        code=digest("tables"),
