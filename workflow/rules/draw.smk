# The figures of the paper's base cells lie in results/figures, those of any other study in a folder of its own there.
rule draw:
    input:
        unpack(tables_of_figure),
    output:
        pdf=report(
            "results/figures/{figure}.pdf",
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
        png="results/figures/{figure}.png",
    log:
        "results/logs/figures/{figure}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        study="base",
        title=PLAN.title("base"),
        departures=PLAN.departures("base"),
        code=digest("figures"),
    shell:
        "python -m capacity.figures {wildcards.figure:q} --runs {input.runs:q} --history {input.history:q}"
        " --summary {input.summary:q} --title {params.title:q} --pdf {output.pdf:q} --png {output.png:q}"
        " > {log:q} 2>&1"


use rule draw as draw_study with:
    input:
        unpack(tables_of_figure),
    output:
        pdf=report(
            "results/figures/{study}/{figure}.pdf",
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
        png="results/figures/{study}/{figure}.png",
    log:
        "results/logs/figures/{study}/{figure}.log",
    params:
        study=lambda wildcards: wildcards.study,
        title=lambda wildcards: PLAN.title(wildcards.study),
        departures=lambda wildcards: PLAN.departures(wildcards.study),
        code=digest("figures"),
