# When runs generalize and lose it, and which expressions they answer: tables of a study or of one of its tasks, and
# the figures drawn from the tables of the tasks with arithmetic, so that they train no facts alone.
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
        "python -m capacity.dynamics --history {input.history:q} --summary {input.summary:q} --title {params.title:q}"
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


rule items:
    input:
        answers=lambda wildcards: PLAN.files_of(wildcards.table, "items"),
    output:
        "results/tables/{table}/items.parquet",
    log:
        "results/logs/items/{table}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        config=lambda wildcards: json.dumps(jobs.config_of(config, wildcards.table)),
        cells=cells_below,
        code=digest("items"),
    shell:
        "python -m capacity.items {wildcards.table:q} --config {params.config:q} --cells {params.cells:q}"
        " --output {output:q} > {log:q} 2>&1"


rule draw_dynamics:
    input:
        history=lambda wildcards: tables_of_tasks(wildcards, "history"),
        runs=lambda wildcards: tables_of_tasks(wildcards, "dynamics"),
        summary=lambda wildcards: tables_of_tasks(wildcards, "summary"),
    output:
        pdf=report(
            "results/figures/dynamics.pdf",
            category="Figures",
            labels={"figure": "dynamics"},
            caption="../report/dynamics.rst",
        ),
        png="results/figures/dynamics.png",
    log:
        "results/logs/figures/dynamics.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=PLAN.title("base"),
        departures=PLAN.departures("base"),
        code=digest("figures_dynamics"),
    shell:
        "python -m capacity.figures_dynamics --history {input.history:q} --runs {input.runs:q}"
        " --summary {input.summary:q} --title {params.title:q} --pdf {output.pdf:q} --png {output.png:q}"
        " > {log:q} 2>&1"


use rule draw_dynamics as draw_dynamics_study with:
    output:
        pdf=report(
            "results/figures/{study}/dynamics.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "dynamics"},
            caption="../report/dynamics.rst",
        ),
        png="results/figures/{study}/dynamics.png",
    log:
        "results/logs/figures/{study}/dynamics.log",
    params:
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        code=digest("figures_dynamics"),


rule draw_answers:
    input:
        answers=lambda wildcards: tables_of_tasks(wildcards, "items"),
        summary=lambda wildcards: tables_of_tasks(wildcards, "summary"),
    output:
        pdf=report(
            "results/figures/answers.pdf",
            category="Figures",
            labels={"figure": "answers"},
            caption="../report/answers.rst",
        ),
        png="results/figures/answers.png",
    log:
        "results/logs/figures/answers.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=PLAN.title("base"),
        departures=PLAN.departures("base"),
        code=digest("figures_answers"),
    shell:
        "python -m capacity.figures_answers --items {input.answers:q} --summary {input.summary:q}"
        " --title {params.title:q} --pdf {output.pdf:q} --png {output.png:q} > {log:q} 2>&1"


use rule draw_answers as draw_answers_study with:
    output:
        pdf=report(
            "results/figures/{study}/answers.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "answers"},
            caption="../report/answers.rst",
        ),
        png="results/figures/{study}/answers.png",
    log:
        "results/logs/figures/{study}/answers.log",
    params:
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        code=digest("figures_answers"),
