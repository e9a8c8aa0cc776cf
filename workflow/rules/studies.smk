# The page of a study: its question, what was run, and the answer that its rule computes from the tables. It links to
# figures and does not read them. They are not `ancient` for all that: of a job whose ancient input is made again in the same
# run, Snakemake does not look at the code any more, and would leave the page as it was.
rule answer:
    input:
        runs="results/tables/{study}/runs.parquet",
        record="results/tables/{study}/runs.json",
        dynamics=flow.table_of_rule("dynamics"),
        history=flow.table_of_rule("history"),
        linked=["results/tables/{study}/summary.md", "results/tables/{study}/dynamics.md"],
        figures=flow.page_figures,
    output:
        page="results/studies/{study}/index.md",
        answer="results/studies/{study}/answer.json",
        record="results/studies/{study}/index.json",
    log:
        "results/logs/studies/{study}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        title=flow.title,
        question=flow.question,
        answer=flow.answer,
        left_out=flow.left_out,
        again=flow.run_again,
        complete=flow.run_complete,
        links=flow.figure_links,
        folder=lambda wildcards, output: str(Path(output.page).parent),
        plan=flow.plan_digest,
        code=flow.digest("answer"),
    shell:
        "python -m capacity answer --runs {input.runs:q} --dynamics {input.dynamics:q} --history {input.history:q}"
        " --record {input.record:q} --digest {params.plan:q} --title={params.title:q} --question={params.question:q}"
        " --answer={params.answer:q} --left-out {params.left_out:q} --figures {params.links:q}"
        " --command={params.again:q} --complete-command={params.complete:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


# One table of all studies that the budget runs.
rule laboratory:
    input:
        answers=flow.answers(),
        record=flow.tables("runs.json"),
    output:
        page="results/laboratory.md",
        record="results/laboratory.json",
    log:
        "results/logs/laboratory.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        budget=config["budget"],
        plans=flow.plan_digests(),
        code=flow.digest("laboratory"),
    shell:
        "python -m capacity laboratory --answers {input.answers:q} --record {input.record:q} --digest {params.plans:q}"
        " --budget {params.budget:q} --output {output.page:q} > {log:q} 2>&1"


# What the methods section of a paper says about all of them.
rule methods:
    input:
        runs=flow.runs(),
        record=flow.tables("runs.json"),
        answers=flow.answers(),
        evidence=rules.claims.output.evidence,
    output:
        text="results/methods.md",
        record="results/methods.json",
    log:
        "results/logs/methods.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        budget=config["budget"],
        plans=flow.plan_digests(),
        code=flow.digest("methods"),
    shell:
        "python -m capacity methods --runs {input.runs:q} --answers {input.answers:q} --evidence {input.evidence:q}"
        " --record {input.record:q} --digest {params.plans:q} --budget {params.budget:q} --output {output.text:q}"
        " > {log:q} 2>&1"
