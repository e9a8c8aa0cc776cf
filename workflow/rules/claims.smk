# The paper's numbers beside ours.
rule replication:
    input:
        runs=flow.runs("base", "weight-decay"),
        record=flow.tables("runs.json", "base", "weight-decay"),
    output:
        table="results/tables/replication.parquet",
        csv=report(
            "results/tables/replication.csv",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "replication (CSV, to download)"},
            caption="../report/replication.rst",
        ),
        markdown="results/tables/replication.md",
        record="results/tables/replication.json",
    log:
        "results/logs/replication.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folder=lambda wildcards, output: str(Path(output.table).parent),
        plans=flow.plan_digests("base", "weight-decay"),
        code=flow.digest("replication"),
    shell:
        "python -m capacity replication --runs {input.runs:q} --record {input.record:q} --digest {params.plans:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


# A verdict on each claim of the paper, from the studies that the budget runs.
rule claims:
    input:
        runs=flow.runs(),
        record=flow.tables("runs.json"),
    output:
        table="results/tables/claims.parquet",
        csv="results/tables/claims.csv",
        evidence="results/tables/claims_evidence.parquet",
        evidence_csv=report(
            "results/tables/claims_evidence.csv",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "evidence behind the verdicts (CSV, to download)"},
            caption="../report/claims.rst",
        ),
        markdown="results/tables/claims.md",
        record="results/tables/claims.json",
    log:
        "results/logs/claims.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        budget=config["budget"],
        folder=lambda wildcards, output: str(Path(output.table).parent),
        plans=flow.plan_digests(),
        code=flow.digest("claims"),
    shell:
        "python -m capacity claims --runs {input.runs:q} --record {input.record:q} --digest {params.plans:q}"
        " --budget {params.budget:q} --output {params.folder:q} > {log:q} 2>&1"


# The page of findings about all studies.
rule findings:
    input:
        runs=flow.runs(),
        record=flow.tables("runs.json"),
        summary=flow.tables("summary.parquet"),
        dynamics=flow.tables("dynamics.parquet"),
        claims=rules.claims.output.table,
        evidence=rules.claims.output.evidence,
        replication=rules.replication.output.table,
    output:
        markdown="results/findings.md",
        record="results/findings.json",
    log:
        "results/logs/findings.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        budget=config["budget"],
        plans=flow.plan_digests(),
        code=flow.digest("findings"),
    shell:
        "python -m capacity findings --runs {input.runs:q} --summary {input.summary:q} --dynamics {input.dynamics:q}"
        " --claims {input.claims:q} --evidence {input.evidence:q} --replication {input.replication:q}"
        " --record {input.record:q} --digest {params.plans:q} --budget {params.budget:q} --output {output.markdown:q}"
        " > {log:q} 2>&1"


# The same as a figure.
rule draw_replication:
    input:
        replication=rules.replication.output.table,
        record=flow.tables("runs.json", "base", "weight-decay"),
    output:
        pdf="results/figures/replication.pdf",
        png="results/figures/replication.png",
        svg=report(
            "results/figures/replication.svg",
            category="Figures",
            subcategory="against the paper",
            labels={"figure": "the paper's numbers beside ours"},
            caption="../report/replication_figure.rst",
        ),
        record="results/figures/replication.json",
    log:
        "results/logs/figures/replication.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        plans=flow.plan_digests("base", "weight-decay"),
        code=flow.digest("draw-replication"),
    shell:
        "python -m capacity draw-replication --replication {input.replication:q} --record {input.record:q}"
        " --digest {params.plans:q} --pdf {output.pdf:q} --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"
