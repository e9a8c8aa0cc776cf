rule train:
    input:
        corpus=corpus_of,
    output:
        weights="results/cells/{cell}/seeds={seeds}/weights.safetensors",
        history="results/cells/{cell}/seeds={seeds}/history.parquet",
        record="results/cells/{cell}/seeds={seeds}/run.json",
        timing="results/cells/{cell}/seeds={seeds}/timing.json",
    log:
        "results/logs/train/{cell}/seeds={seeds}.log",
    priority: work_of
    conda:
        "../../envs/conda.yaml"
    threads: threads_of
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=gpus_of,
    params:
        folder=lambda wildcards, output: str(Path(output.record).parent),
        device=config["device"],
        execution=execution_of,
        snapshots=snapshots_of,
        code=digest("train"),
    shell:
        "python -m capacity train {wildcards.cell:q} --seeds {wildcards.seeds:q} --corpus {input.corpus:q}"
        " --output {params.folder:q} --device {params.device:q} --threads {threads}"
        " {params.execution} {params.snapshots} > {log:q} 2>&1"
