# When runs generalize and lose it, and which expressions they answer: tables of a study or of one of its tasks.
rule dynamics:
    input:
        history="results/tables/{study}/history.parquet",
        summary="results/tables/{study}/summary.parquet",
    output:
        table="results/tables/{study}/dynamics.parquet",
        csv=report(
            "results/tables/{study}/dynamics.csv",
            category="Tables",
            subcategory="{study}",
            labels={"table": "dynamics, every run (CSV)"},
            caption="../report/dynamics_table.rst",
        ),
        markdown=report(
            "results/tables/{study}/dynamics.md",
            category="Tables",
            subcategory="{study}",
            labels={"table": "dynamics (text)"},
            caption="../report/dynamics_table.rst",
        ),
    log:
        "results/logs/dynamics/{study}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        folder=lambda wildcards, output: str(Path(output.table).parent),
        code=digest("dynamics"),
    shell:
        "python -m capacity dynamics --history {input.history:q} --summary {input.summary:q} --title {params.title:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


use rule dynamics as dynamics_task with:
    input:
        history="results/tables/{study}/{task}/history.parquet",
        summary="results/tables/{study}/{task}/summary.parquet",
    output:
        table="results/tables/{study}/{task}/dynamics.parquet",
        csv="results/tables/{study}/{task}/dynamics.csv",
        markdown="results/tables/{study}/{task}/dynamics.md",
    log:
        "results/logs/dynamics/{study}/{task}.log",


rule expressions:
    input:
        answers=lambda wildcards: PLAN.files_of(wildcards.table, "answers"),
    output:
        "results/tables/{table}/expressions.parquet",
    log:
        "results/logs/expressions/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        config=lambda wildcards: json.dumps(plan.config_of(config, wildcards.table)),
        cells=cells_below,
        code=digest("expressions"),
    shell:
        "python -m capacity expressions {wildcards.table:q} --config {params.config:q} --cells {params.cells:q}"
        " --output {output:q} > {log:q} 2>&1"
