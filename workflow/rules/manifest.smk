# The checksums of the tables, figures and pages of a study. They are read from the records of the stages, and not from the
# files, so that a file that is damaged later has the checksum that it had.
rule manifest:
    input:
        records=flow.records,
        copies=ancient(flow.copies),
    output:
        "results/manifests/{study}.sha256",
    log:
        "results/logs/manifests/{study}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        code=flow.digest("manifest"),
    shell:
        "python -m capacity manifest --records {input.records:q} --copies {input.copies:q}"
        " --study {wildcards.study:q} --root {params.root:q} --output {output:q} > {log:q} 2>&1"


# Those of the pages about all studies.
rule manifest_of_pages:
    input:
        records=[
            rules.replication.output.record,
            rules.draw_replication.output.record,
            rules.claims.output.record,
            rules.findings.output.record,
            rules.laboratory.output.record,
            rules.methods.output.record,
            rules.explorer.output.record,
            rules.report_of_all.output.record,
        ],
    output:
        "results/manifest.sha256",
    log:
        "results/logs/manifest.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        root=lambda wildcards, output: str(Path(output[0]).parent),
        code=flow.digest("manifest"),
    shell:
        "python -m capacity manifest --records {input.records:q} --root {params.root:q} --output {output:q}"
        " > {log:q} 2>&1"
