rule evaluate:
    input:
        corpus=flow.corpus,
        weights=rules.train.output.weights,
        history=rules.train.output.history,
    output:
        evaluation="results/cells/{cell}/seeds={seeds}/evaluation.json",
        answers="results/cells/{cell}/seeds={seeds}/answers.parquet",
        operands="results/cells/{cell}/seeds={seeds}/operands.parquet",
        mechanism="results/cells/{cell}/seeds={seeds}/mechanism.parquet",
    log:
        "results/logs/evaluate/{cell}/seeds={seeds}.log",
    priority: flow.work
    conda:
        "../../envs/conda.yaml"
    threads: flow.threads
    resources:
        mem_mb=flow.evaluation_mb,
        runtime=flow.evaluation_minutes,
        gpu=flow.gpus,
    params:
        folder=lambda wildcards, output: str(Path(output.evaluation).parent),
        device=config["device"],
        code=flow.digest("evaluate"),
    shell:
        "python -m capacity evaluate {wildcards.cell:q} --seeds {wildcards.seeds:q} --corpus {input.corpus:q}"
        " --output {params.folder:q} --device {params.device:q} --threads {threads} > {log:q} 2>&1"
