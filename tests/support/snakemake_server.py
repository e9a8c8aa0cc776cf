"""A process that has imported Snakemake and forks for each run: the import takes longer than most of them.

Run as a program it reads one request per line, a JSON object with ``arguments``, ``folder``, ``environment`` and
``output``, and answers each with a line that holds the exit code. What a run changes in memory ends with its fork,
so that the next one sees what it would see in a process of its own.
"""

from __future__ import annotations

import ast
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class SnakemakeServer:
    """The process, started when it is needed first."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
        """Run ``snakemake`` with these arguments in a folder; return its exit code and all that it prints."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as output:
            request = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
            print(json.dumps({**request, "output": output.name}), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            return code, output.read()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            with self._process:  # closes its input, and waits
                pass
            self._process = None


def serve() -> None:
    """Answer requests until there are no more."""
    # What Snakemake and its plugins import; not the package, which each run imports from the clone that it is of.
    import jsonschema  # noqa: F401
    import snakemake.assets
    import snakemake.report.html_reporter  # noqa: F401
    from snakemake.cli import parse_args

    parse_args(["--cores", "1"])
    remember_sources()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            run_snakemake(json.loads(line))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(status, flush=True)


def remember_sources() -> None:
    """Read the sources of the package once: every plan asks for their tokens, and for what they import.

    Both follow from the text alone, and a text that is not among them is read as ever.
    """
    parse, generate_tokens = ast.parse, tokenize.generate_tokens
    texts = [path.read_text("utf-8") for path in Path(__file__).parents[2].glob("src/**/*.py")]
    trees = {text: parse(text) for text in texts}
    tokens = {text: list(generate_tokens(io.StringIO(text).readline)) for text in texts}

    def remembered_parse(source: Any, *more: Any, **named: Any) -> Any:
        remembered = None if more or named or not isinstance(source, str) else trees.get(source)
        return parse(source, *more, **named) if remembered is None else remembered

    def remembered_tokens(readline: Any) -> Any:
        file = getattr(readline, "__self__", None)
        remembered = tokens.get(file.getvalue()) if isinstance(file, io.StringIO) else None
        return generate_tokens(readline) if remembered is None else iter(remembered)

    ast.parse, tokenize.generate_tokens = remembered_parse, remembered_tokens
    gc.freeze()


def run_snakemake(request: Mapping[str, Any]) -> None:
    """Run Snakemake for a request, in a process of its own, and end that process."""
    from snakemake.cli import main

    code = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.path[0] = request["folder"]  # as `python -m snakemake` does
        sys.argv = ["snakemake", *request["arguments"]]
        with Path(os.devnull).open("rb") as nothing, Path(request["output"]).open("wb") as output:
            for file, descriptor in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(file.fileno(), descriptor)
        main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
