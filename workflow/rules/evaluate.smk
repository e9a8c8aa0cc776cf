rule evaluate:
    input:
        corpus=corpus_of,
        weights=rules.train.output.weights,
        history=rules.train.output.history,
    output:
        "results/cells/{cell}/seeds={seeds}/evaluation.json",
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
        device=config["device"],
        code=digest("evaluate"),
        schema=files.sha256(files.EVALUATION_SCHEMA),
    shell:
        "python -m capacity.evaluate {wildcards.cell:q} --seeds {wildcards.seeds:q} --corpus {input.corpus:q}"
        " --weights {input.weights:q} --history {input.history:q}"
        " --output {output:q} --device {params.device:q} --threads {threads} > {log:q} 2>&1"
