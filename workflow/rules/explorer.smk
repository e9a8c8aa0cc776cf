# One page with every run and the small networks themselves. Weights that are only newer change nothing.
rule explorer:
    input:
        runs=flow.runs(),
        record=flow.tables("runs.json"),
        history=flow.tables("history.parquet"),
        expression_histories=flow.tables("expression_histories.parquet"),
        plans=flow.plans(),
        weights=ancient(flow.small_networks),
        answers=flow.answers(),
        claims=rules.claims.output.table,
        evidence=rules.claims.output.evidence,
        methods=rules.methods.output.text,
    output:
        page=report(
            "results/explorer.html",
            category="Explorer",
            labels={"page": "ask the networks yourself"},
            caption="../report/explorer.rst",
        ),
        record="results/explorer.json",
    log:
        "results/logs/explorer.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(15),
    params:
        budget=config["budget"],
        cells=lambda wildcards, input: cells_below(input.weights[0]) if input.weights else "results/cells",
        plans=flow.plan_digests(),
        code=flow.digest("explorer"),
    shell:
        "python -m capacity explorer --runs {input.runs:q} --history {input.history:q}"
        " --expression-histories {input.expression_histories:q} --plans {input.plans:q} --cells {params.cells:q}"
        " --answers {input.answers:q} --claims {input.claims:q} --evidence {input.evidence:q}"
        " --methods {input.methods:q} --record {input.record:q} --digest {params.plans:q} --budget {params.budget:q}"
        " --output {output.page:q} > {log:q} 2>&1"
