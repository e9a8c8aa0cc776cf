# Figures lie in a folder for each study, and read what they draw and nothing else.
rule draw_tradeoff:
    input:
        runs="results/tables/{study}/runs.parquet",
        summary="results/tables/{study}/summary.parquet",
        record="results/tables/{study}/runs.json",
    output:
        pdf="results/figures/{study}/tradeoff.pdf",
        png="results/figures/{study}/tradeoff.png",
        svg=report(
            "results/figures/{study}/tradeoff.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "tradeoff"},
            caption="../report/tradeoff.rst",
        ),
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
        " --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


# From the tables of one task, so that they train nothing else.
rule draw_curves:
    input:
        history="results/tables/{study}/{task}/history.parquet",
        summary="results/tables/{study}/{task}/summary.parquet",
        record="results/tables/{study}/{task}/runs.json",
    output:
        pdf="results/figures/{study}/{task}.pdf",
        png="results/figures/{study}/{task}.png",
        svg=report(
            "results/figures/{study}/{task}.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{task}"},
            caption="../report/curves.rst",
        ),
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
        " --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_dynamics:
    input:
        history=flow.tables_of_tasks("history.parquet"),
        runs=flow.tables_of_tasks("dynamics.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf="results/figures/{study}/dynamics.pdf",
        png="results/figures/{study}/dynamics.png",
        svg=report(
            "results/figures/{study}/dynamics.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "dynamics"},
            caption="../report/dynamics.rst",
        ),
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
        " --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_answers:
    input:
        expressions=flow.tables_of_tasks("expressions.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf="results/figures/{study}/answers.pdf",
        png="results/figures/{study}/answers.png",
        svg=report(
            "results/figures/{study}/answers.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "answers"},
            caption="../report/answers.rst",
        ),
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
        " --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


# From the tables of the tasks with arithmetic, so that they train no facts alone.
rule draw_held_out_histories:
    input:
        histories=flow.tables_of_tasks("expression_histories.parquet"),
        summary=flow.tables_of_tasks("summary.parquet"),
        record=flow.tables_of_tasks("runs.json"),
    output:
        pdf="results/figures/{study}/held_out_histories.pdf",
        png="results/figures/{study}/held_out_histories.png",
        svg=report(
            "results/figures/{study}/held_out_histories.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "held_out_histories"},
            caption="../report/held_out_histories.rst",
        ),
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
        " --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


# The figures that a study has by its configuration, from the tables of the tasks that have their measures.
rule draw_measures:
    input:
        runs=flow.tables_of_figure("runs"),
        summary=flow.tables_of_figure("summary"),
        history=flow.tables_of_figure("history"),
        dynamics=flow.tables_of_figure("dynamics"),
        record=flow.records_of_figure,
    output:
        pdf="results/studies/{study}/{drawing}.pdf",
        png="results/studies/{study}/{drawing}.png",
        svg=report(
            "results/studies/{study}/{drawing}.svg",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{drawing}"},
            caption="../report/measures.rst",
        ),
        record="results/studies/{study}/{drawing}.json",
    log:
        "results/logs/studies/{study}/{drawing}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        title=flow.title,
        departures=flow.departures,
        plan=flow.plan_digests_of_figure,
        options=flow.figure_options,
        code=flow.digest("draw-measures"),
    shell:
        "python -m capacity draw-measures {params.options} --runs {input.runs:q} --summary {input.summary:q}"
        " --history {input.history:q} --dynamics {input.dynamics:q} --record {input.record:q}"
        " --digest {params.plan:q} --title={params.title:q} --pdf {output.pdf:q} --png {output.png:q}"
        " --svg {output.svg:q} > {log:q} 2>&1"


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
