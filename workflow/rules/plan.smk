# The plan of a study, or of one of its tasks: the jobs that its tables are made from, and the seeds taken of each. It
# runs where Snakemake does, as it reads the configuration that Snakemake writes down there.
rule plan:
    output:
        "results/plans/{table}.json",
    log:
        "results/logs/plans/{table}.log",
    # Before anything else, so that the status knows all jobs.
    priority: 10**13
    localrule: True
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        sources=flow.plan_sources,
        digest=noted_digest,
    shell:
        "python -m capacity plan {wildcards.table:q} {params.sources:q} --digest {params.digest:q} --output {output:q}"
        " > {log:q} 2>&1"
