rule train:
    input:
        corpus=flow.corpus,
    output:
        weights="results/cells/{cell}/seeds={seeds}/weights.safetensors",
        history="results/cells/{cell}/seeds={seeds}/history.parquet",
        record="results/cells/{cell}/seeds={seeds}/run.json",
        timing="results/cells/{cell}/seeds={seeds}/timing.json",
    log:
        "results/logs/train/{cell}/seeds={seeds}.log",
    priority: flow.work
    conda:
        "../../envs/conda.yaml"
    threads: flow.threads
    resources:
        mem_mb=flow.training_mb,
        runtime=flow.training_minutes,
        gpu=flow.gpus,
    params:
        folder=lambda wildcards, output: str(Path(output.record).parent),
        device=config["device"],
        execution=flow.execution_options,
        snapshots=flow.snapshot_options,
        code=flow.digest("train"),
    shell:
        "python -m capacity train {wildcards.cell:q} --seeds {wildcards.seeds:q} --corpus {input.corpus:q}"
        " --output {params.folder:q} --device {params.device:q} --threads {threads}"
        " {params.execution} {params.snapshots} > {log:q} 2>&1"
