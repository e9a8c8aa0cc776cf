# Everything that `all` makes and what it is made from, with the code and with cards, in one file. `all` does not make it.
# It runs where Snakemake does, whose metadata say when each job began and ended.
rule archive:
    input:
        flow.archived_files,
    output:
        archive="results/archive.zip",
        record="results/archive.json",
    log:
        "results/logs/archive.log",
    localrule: True
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        results=lambda wildcards, input: str(Path(next(path for path in input if "/manifests/" in path)).parents[1]),
        configuration=flow.note.as_posix(),
        metadata=".snakemake/metadata",
        snakefile=[] if IN_CLONE else ["--snakefile", workflow.source_path("../Snakefile")],
        plans=flow.plan_digests(),
        code=flow.digest("archive"),
    shell:
        "python -m capacity archive --results {params.results:q} --configuration {params.configuration:q}"
        " --metadata {params.metadata:q} {params.snakefile:q} --digest {params.plans:q} --output {output.archive:q}"
        " > {log:q} 2>&1"
