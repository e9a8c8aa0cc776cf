# The paper's numbers beside ours, and a verdict on each of its claims, from the studies that the budget runs.
rule replication:
    input:
        runs=lambda wildcards: runs_of_budget("base", "weight-decay"),
    output:
        table="results/tables/replication.parquet",
        csv=report(
            "results/tables/replication.csv",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "replication (CSV)"},
            caption="../report/replication.rst",
        ),
        markdown=report(
            "results/tables/replication.md",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "replication (text)"},
            caption="../report/replication.rst",
        ),
    log:
        "results/logs/replication.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        folder=lambda wildcards, output: str(Path(output.table).parent),
        code=digest("replication"),
    shell:
        "python -m capacity.replication --runs {input.runs:q} --output {params.folder:q} > {log:q} 2>&1"


rule claims:
    input:
        runs=lambda wildcards: runs_of_budget(),
    output:
        table="results/tables/claims.parquet",
        csv="results/tables/claims.csv",
        evidence="results/tables/claims_evidence.parquet",
        evidence_csv=report(
            "results/tables/claims_evidence.csv",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "evidence behind the verdicts (CSV)"},
            caption="../report/claims.rst",
        ),
        markdown=report(
            "results/tables/claims.md",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "verdicts on the paper's claims (text)"},
            caption="../report/claims.rst",
        ),
    log:
        "results/logs/claims.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        budget=config["budget"],
        folder=lambda wildcards, output: str(Path(output.table).parent),
        code=digest("claims"),
    shell:
        "python -m capacity.claims --runs {input.runs:q} --budget {params.budget:q} --output {params.folder:q}"
        " > {log:q} 2>&1"
