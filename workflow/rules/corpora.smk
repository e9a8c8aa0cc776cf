rule corpus:
    output:
        "results/corpora/{corpus}.parquet",
    log:
        "results/logs/corpora/{corpus}.log",
    # Before any training, whose priority is its amount of work: the longest run may wait for this corpus.
    priority: 10**12
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        cell=flow.corpus_cell,
        code=flow.digest("corpus"),
    shell:
        "python -m capacity corpus {params.cell:q} --output {output:q} > {log:q} 2>&1"
