rule evaluate:
    input:
        corpus=corpus_of,
        weights=rules.train.output.weights,
        history=rules.train.output.history,
    output:
        evaluation="results/cells/{cell}/seeds={seeds}/evaluation.json",
        answers="results/cells/{cell}/seeds={seeds}/answers.parquet",
        operands="results/cells/{cell}/seeds={seeds}/operands.parquet",
    log:
        "results/logs/evaluate/{cell}/seeds={seeds}.log",
    priority: work_of
    conda:
        "../../envs/conda.yaml"
    threads: threads_of
    resources:
        mem_mb=evaluation_mb,
        runtime=evaluation_minutes,
        gpu=gpus_of,
    params:
        folder=lambda wildcards, output: str(Path(output.evaluation).parent),
        device=config["device"],
        code=digest("evaluate"),
    shell:
        "python -m capacity evaluate {wildcards.cell:q} --seeds {wildcards.seeds:q} --corpus {input.corpus:q}"
        " --weights {input.weights:q} --history {input.history:q}"
        " --output {params.folder:q} --device {params.device:q} --threads {threads} > {log:q} 2>&1"
