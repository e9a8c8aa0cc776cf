localrules:
    list_jobs,


# Which jobs hold the runs of a study: a file, because the list of a large study does not fit a command line.
rule list_jobs:
    output:
        "results/tables/{study}/jobs.json",
    log:
        "results/logs/tables/{study}.jobs.log",
    params:
        jobs=lambda wildcards: PLAN.study_jobs(wildcards.study),
    run:
        files.write_json(output[0], params.jobs)


rule tabulate:
    input:
        jobs="results/tables/{study}/jobs.json",
        evaluations=lambda wildcards: [job["evaluation"] for job in PLAN.study_jobs(wildcards.study)],
        histories=lambda wildcards: [job["history"] for job in PLAN.study_jobs(wildcards.study)],
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
        title=lambda wildcards: PLAN.studies[wildcards.study].title,
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        code=digest("tables"),
    shell:
        "python -m capacity.tables --study {wildcards.study:q} --title {params.title:q} --jobs {input.jobs:q}"
        " --output {params.folder:q} > {log:q} 2>&1"
