# Figures lie in a folder for each study, and read what they draw and nothing else.
rule draw_tradeoff:
    input:
        runs="results/tables/{study}/runs.parquet",
        summary="results/tables/{study}/summary.parquet",
        record="results/tables/{study}/runs.json",
    output:
        pdf=report(
            "results/figures/{study}/tradeoff.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "tradeoff"},
            caption="../report/tradeoff.rst",
        ),
        png="results/figures/{study}/tradeoff.png",
        record="results/figures/{study}/tradeoff.json",
    log:
        "results/logs/figures/{study}/tradeoff.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digest,
        code=flow.digest("draw-tradeoff"),
    shell:
        "python -m capacity draw-tradeoff --runs {input.runs:q} --summary {input.summary:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q}"
        " --png {output.png:q} > {log:q} 2>&1"


# From the tables of one task, so that they train nothing else.
rule draw_curves:
    input:
        history="results/tables/{study}/{task}/history.parquet",
        summary="results/tables/{study}/{task}/summary.parquet",
        record="results/tables/{study}/{task}/runs.json",
    output:
        pdf=report(
            "results/figures/{study}/{task}.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{task}"},
            caption="../report/curves.rst",
        ),
        png="results/figures/{study}/{task}.png",
        record="results/figures/{study}/{task}.json",
    log:
        "results/logs/figures/{study}/{task}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digest,
        code=flow.digest("draw-curves"),
    shell:
        "python -m capacity draw-curves {wildcards.task:q} --history {input.history:q} --summary {input.summary:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q}"
        " --png {output.png:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_dynamics:
    input:
        history=flow.tables_of_tasks("history.parquet"),
        runs=flow.tables_of_tasks("dynamics.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf=report(
            "results/figures/{study}/dynamics.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "dynamics"},
            caption="../report/dynamics.rst",
        ),
        png="results/figures/{study}/dynamics.png",
        record="results/figures/{study}/dynamics.json",
    log:
        "results/logs/figures/{study}/dynamics.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digests_of_tasks,
        code=flow.digest("draw-dynamics"),
    shell:
        "python -m capacity draw-dynamics --history {input.history:q} --runs {input.runs:q} --summary {input.summary:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q}"
        " --png {output.png:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_answers:
    input:
        expressions=flow.tables_of_tasks("expressions.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf=report(
            "results/figures/{study}/answers.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "answers"},
            caption="../report/answers.rst",
        ),
        png="results/figures/{study}/answers.png",
        record="results/figures/{study}/answers.json",
    log:
        "results/logs/figures/{study}/answers.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digests_of_tasks,
        code=flow.digest("draw-answers"),
    shell:
        "python -m capacity draw-answers --expressions {input.expressions:q} --summary {input.summary:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q}"
        " --png {output.png:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_held_out_histories:
    input:
        histories=flow.tables_of_tasks("expression_histories.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf=report(
            "results/figures/{study}/held_out_histories.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "held_out_histories"},
            caption="../report/held_out_histories.rst",
        ),
        png="results/figures/{study}/held_out_histories.png",
        record="results/figures/{study}/held_out_histories.json",
    log:
        "results/logs/figures/{study}/held_out_histories.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digests_of_tasks,
        code=flow.digest("draw-held-out-histories"),
    shell:
        "python -m capacity draw-held-out-histories --histories {input.histories:q} --summary {input.summary:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q}"
        " --png {output.png:q} > {log:q} 2>&1"


# The figures of the paper's base cells, by their short names too.
rule figure_of_base:
    input:
        pdf="results/figures/base/{figure}.pdf",
        png="results/figures/base/{figure}.png",
    output:
        pdf="results/figures/{figure}.pdf",
        png="results/figures/{figure}.png",
    log:
        "results/logs/figures/{figure}.log",
    conda:
        "../../envs/conda.yaml"
    shell:
        "{{ cp {input.pdf:q} {output.pdf:q} && cp {input.png:q} {output.png:q}; }} > {log:q} 2>&1"
