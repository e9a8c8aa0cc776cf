# The tables of a study, or of one of its tasks, so that a figure of one task trains that task only.
rule tabulate:
    input:
        plan=rules.plan.output,
        evaluations=flow.files("evaluation"),
        mechanisms=flow.files("mechanism"),
    output:
        runs="results/tables/{table}/runs.parquet",
        summary="results/tables/{table}/summary.parquet",
        csv=report(
            "results/tables/{table}/summary.csv",
            category="Tables",
            subcategory="{table}",
            labels={"table": "summary, all endpoints (CSV, to download)"},
            caption="../report/summary.rst",
        ),
        markdown="results/tables/{table}/summary.md",
        record="results/tables/{table}/runs.json",
    log:
        "results/logs/tables/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        cells=lambda wildcards, input: cells_below(input.evaluations[0]),
        folder=lambda wildcards, output: str(Path(output.runs).parent),
        plan=flow.plan_digest,
        title=flow.title,
        departures=flow.departures,
        code=flow.digest("tabulate"),
    shell:
        "python -m capacity tabulate --plan {input.plan:q} --digest {params.plan:q} --cells {params.cells:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


# Apart from the other tables, as it has a hundred times their rows: the two are made side by side.
rule histories:
    input:
        plan=rules.plan.output,
        histories=flow.files("history"),
    output:
        table="results/tables/{table}/history.parquet",
        record="results/tables/{table}/history.json",
    log:
        "results/logs/histories/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        cells=lambda wildcards, input: cells_below(input.histories[0]),
        plan=flow.plan_digest,
        code=flow.digest("histories"),
    shell:
        "python -m capacity histories --plan {input.plan:q} --digest {params.plan:q} --cells {params.cells:q}"
        " --output {output.table:q} > {log:q} 2>&1"


# Which expressions the cells answer.
rule expressions:
    input:
        plan=rules.plan.output,
        answers=flow.files("answers"),
    output:
        table="results/tables/{table}/expressions.parquet",
        record="results/tables/{table}/expressions.json",
    log:
        "results/logs/expressions/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        cells=lambda wildcards, input: cells_below(input.answers[0]),
        plan=flow.plan_digest,
        code=flow.digest("expressions"),
    shell:
        "python -m capacity expressions --plan {input.plan:q} --digest {params.plan:q} --cells {params.cells:q}"
        " --output {output.table:q} > {log:q} 2>&1"


# When each run answers each expression over training.
rule expression_histories:
    input:
        plan=rules.plan.output,
        histories=flow.files("history"),
        answers=flow.files("answers"),
    output:
        table="results/tables/{table}/expression_histories.parquet",
        record="results/tables/{table}/expression_histories.json",
    log:
        "results/logs/expression_histories/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        cells=lambda wildcards, input: cells_below(input.answers[0]),
        plan=flow.plan_digest,
        code=flow.digest("expression-histories"),
    shell:
        "python -m capacity expression-histories --plan {input.plan:q} --digest {params.plan:q}"
        " --cells {params.cells:q} --output {output.table:q} > {log:q} 2>&1"


# When runs generalize, and when they lose it again.
rule dynamics:
    input:
        history="results/tables/{table}/history.parquet",
        summary="results/tables/{table}/summary.parquet",
        record="results/tables/{table}/runs.json",
    output:
        table="results/tables/{table}/dynamics.parquet",
        csv=report(
            "results/tables/{table}/dynamics.csv",
            category="Tables",
            subcategory="{table}",
            labels={"table": "dynamics, every run (CSV, to download)"},
            caption="../report/dynamics_table.rst",
        ),
        markdown="results/tables/{table}/dynamics.md",
        record="results/tables/{table}/dynamics.json",
    log:
        "results/logs/dynamics/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digest,
        folder=lambda wildcards, output: str(Path(output.table).parent),
        code=flow.digest("dynamics"),
    shell:
        "python -m capacity dynamics --history {input.history:q} --summary {input.summary:q} --record {input.record:q}"
        " --digest {params.plan:q} --title={params.title:q} --output {params.folder:q} > {log:q} 2>&1"
