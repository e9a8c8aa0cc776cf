# What the report shows of a study as pages that open in it. Their figures are inside.
rule report_of_study:
    input:
        page="results/studies/{study}/index.md",
        summary="results/tables/{study}/summary.md",
        dynamics="results/tables/{study}/dynamics.md",
        figures=flow.drawn_on_page,
    output:
        page=report(
            "results/report/{study}/index.html",
            category="Studies",
            subcategory="{study}",
            labels={"page": "question and answer"},
            caption="../report/answer.rst",
        ),
        summary=report(
            "results/report/{study}/summary.html",
            category="Tables",
            subcategory="{study}",
            labels={"table": "summary"},
            caption="../report/summary.rst",
        ),
        dynamics=report(
            "results/report/{study}/dynamics.html",
            category="Tables",
            subcategory="{study}",
            labels={"table": "dynamics"},
            caption="../report/dynamics_table.rst",
        ),
        record="results/report/{study}/pages.json",
    log:
        "results/logs/report/{study}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        title=flow.title,
        question=flow.question,
        departures=flow.departures,
        folder=lambda wildcards, output: str(Path(output.record).parent),
        code=flow.digest("report-of-study"),
    shell:
        "python -m capacity report-of-study {wildcards.study:q} --pages {input.page:q} {input.summary:q}"
        " {input.dynamics:q} --figures {input.figures:q} --output {params.folder:q} > {log:q} 2>&1"


# The answer that the report opens on, and the pages on all studies.
rule report_of_all:
    input:
        claims=rules.claims.output.table,
        evidence=rules.claims.output.evidence,
        replication=rules.replication.output.table,
        pages=[
            rules.findings.output.markdown,
            rules.claims.output.markdown,
            rules.replication.output.markdown,
            rules.methods.output.text,
            rules.laboratory.output.page,
        ],
        figure=flow.main_figure(),
    output:
        answer=report(
            "results/report/answer.html",
            category="Findings",
            labels={"page": "the answer in short"},
            caption="../report/findings.rst",
        ),
        findings=report(
            "results/report/findings.html",
            category="Findings",
            labels={"page": "findings"},
            caption="../report/findings.rst",
        ),
        methods=report(
            "results/report/methods.html",
            category="Findings",
            labels={"page": "methods"},
            caption="../report/methods.rst",
        ),
        claims=report(
            "results/report/claims.html",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "verdicts on the paper's claims"},
            caption="../report/claims.rst",
        ),
        replication=report(
            "results/report/replication.html",
            category="Tables",
            subcategory="against the paper",
            labels={"table": "replication"},
            caption="../report/replication.rst",
        ),
        laboratory=report(
            "results/report/laboratory.html",
            category="Studies",
            labels={"page": "laboratory"},
            caption="../report/laboratory.rst",
        ),
        record="results/report/pages.json",
    log:
        "results/logs/report.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        budget=config["budget"],
        folder=lambda wildcards, output: str(Path(output.record).parent),
        code=flow.digest("report-of-all"),
    shell:
        "python -m capacity report-of-all --claims {input.claims:q} --evidence {input.evidence:q}"
        " --replication {input.replication:q} --budget {params.budget:q} --pages {input.pages:q}"
        " --figures {input.figure:q} --output {params.folder:q} > {log:q} 2>&1"
