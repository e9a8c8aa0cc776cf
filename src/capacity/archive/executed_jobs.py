"""The jobs that made results: what each of them read and wrote, with which code, and when.

What a job read, wrote and ran is in the records that the stages leave. When it began and ended is in the metadata of
Snakemake (``.snakemake/metadata``), which is not part of the results: results that were unpacked come without it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from capacity.archive.contents import CONFIGURATION, Contents, check_version
from capacity.errors import InputError
from capacity.experiment.assignment import RECORD, WEIGHTS
from capacity.experiment.plan import MAIN_STUDY, record_paths
from capacity.experiment.result_files import PAGES, copied_figures
from capacity.storage import evaluations, files, json_files, parquet, records

Times = Mapping[str, tuple[float, float]]
"""When the job that wrote a file began and when it had written it, in seconds since 1970, by the path of the file."""


@dataclass(frozen=True)
class ExecutedJob:
    """A job of the workflow that was executed.

    Attributes:
        rule: its name.
        made: the files that it wrote, by their paths in the archive.
        read: the files that it read.
        origin: the provenance that it wrote down: code, versions, device; empty if it writes none.
        started, ended: in seconds since 1970; None if that is not known.
        seconds: that it trained, all attempts together, as it measured itself; None for other jobs.
    """

    rule: str
    made: tuple[str, ...]
    read: tuple[str, ...]
    origin: Mapping[str, Any]
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None

    @property
    def name(self) -> str:
        """A name that no other job has: the rule, and the first file that it made without its ending."""
        return f"{self.rule}/{self.made[0].removeprefix('results/')}"


def executed_jobs(contents: Contents, times: Times) -> list[ExecutedJob]:
    """Return the jobs that made the archived results, each after those whose files it read.

    Args:
        contents: what is archived.
        times: of files of results, by their paths in the archive.

    Raises InputError naming a file that another version of the package wrote.
    """
    return [_timed(job, times) for job in _jobs(contents)]


def read_times(metadata: Path, contents: Contents) -> Times:
    """Return when archived files were made, from Snakemake's metadata.

    A file whose date is not the one that Snakemake saw when the job ended was put there by something else, such as an
    archive that was unpacked over it, and has no time.

    Args:
        metadata: the folder ``.snakemake/metadata``, which need not be there.
        contents: what is archived. Snakemake names files by their paths from its working folder, as it names the
            folder of results.
    """
    names = {place.as_posix(): path for path, place in contents.files.items()}
    times = {}
    for folder, _, file_names in os.walk(metadata):
        for name in file_names:
            record = Path(folder, name)
            path = names.get(_file_of(record.relative_to(metadata)))
            span = _span(record) if path is not None else None
            if path is not None and span is not None and abs(contents.files[path].stat().st_mtime - span[1]) < 1:
                times[path] = span
    return times


def newest_date(contents: Contents) -> float:
    """Return when the newest of the archived files was written, in seconds since 1970, by the dates of the files."""
    return max(place.stat().st_mtime for place in contents.files.values())


def _file_of(record: Path) -> str:
    """Return the file that a record of Snakemake is about: its name in base64, long ones as several folders."""
    try:
        return base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in record.parts)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _span(record: Path) -> tuple[float, float] | None:
    """Return when a job began and ended; None if a record of Snakemake does not say, or was cut off."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        return float(content["starttime"]), float(content["endtime"])
    except (ValueError, KeyError, TypeError):
        return None


def _timed(job: ExecutedJob, times: Times) -> ExecutedJob:
    spans = [times[path] for path in job.made if path in times]
    if len(spans) < len(job.made):
        return job
    started, ended = min(span[0] for span in spans), max(span[1] for span in spans)
    return ExecutedJob(job.rule, job.made, job.read, job.origin, started, ended, job.seconds)


def _jobs(contents: Contents) -> Iterator[ExecutedJob]:
    yield from _of_corpora(contents)
    for folder in dict.fromkeys(job.folder for study in contents.studies for job in _planned(contents, study)):
        yield from _of_cell(contents, folder)
    for path in _paths(contents, "results/plans/"):
        yield ExecutedJob("plan", (path,), (CONFIGURATION,), {})
    recorded = [record for study in contents.studies for record in record_paths(contents.plan.study(study))]
    for path in [*dict.fromkeys(recorded), *(f"results/{record}" for record in PAGES)]:
        yield _of_record(contents, path)
    if MAIN_STUDY in contents.studies:
        for drawn, copies in copied_figures(contents.plan).items():
            yield ExecutedJob("figure_of_base", copies, drawn, {})
    for study in contents.studies:
        read = tuple(record_paths(contents.plan.study(study)))
        yield ExecutedJob("manifest", (f"results/manifests/{study}.sha256",), read, {})
    pages = tuple(f"results/{record}" for record in PAGES)
    yield ExecutedJob("manifest_of_pages", ("results/manifest.sha256",), pages, {})


def _planned(contents: Contents, study: str) -> Sequence[Any]:
    return contents.plan.table(study).jobs


def _paths(contents: Contents, prefix: str) -> list[str]:
    return [path for path in contents.files if path.startswith(prefix)]


def _of_corpora(contents: Contents) -> Iterator[ExecutedJob]:
    for path in _paths(contents, "results/corpora/"):
        origin = parquet.read_provenance(contents.files[path])
        check_version(contents.files[path], origin)
        yield ExecutedJob("corpus", (path,), (), origin)


def _of_cell(contents: Contents, folder: str) -> Iterator[ExecutedJob]:
    """Yield the training and the evaluation of the networks in the folder of a job."""
    cell = contents.plan.cells[folder.removeprefix("results/cells/").rpartition("/")[0]]
    corpus = f"results/corpora/{cell.corpus_name}.parquet"
    trained = tuple(f"{folder}/{name}" for name in (WEIGHTS, "history.parquet", RECORD, "timing.json"))
    evaluated = tuple(f"{folder}/{name}" for name in ("evaluation.json", *evaluations.BESIDE))
    training = json_files.read_sealed_json(contents.files[f"{folder}/{RECORD}"])
    timing = json_files.read_sealed_json(contents.files[f"{folder}/timing.json"])
    evaluation = json_files.read_sealed_json(contents.files[evaluated[0]])["provenance"]
    for path, origin in ((trained[2], training), (evaluated[0], evaluation)):
        check_version(contents.files[path], origin)
    yield ExecutedJob("train", trained, (corpus,), training, seconds=timing.get("wall_seconds"))
    yield ExecutedJob("evaluate", evaluated, (corpus, *trained[:2]), evaluation)


def _of_record(contents: Contents, path: str) -> ExecutedJob:
    """Return the job that left a record of what it made and read."""
    record = records.read_record(contents.files[path])
    check_version(contents.files[path], record)
    folder = PurePosixPath(path).parent
    made = [(folder / name).as_posix() for name in record[records.FILES]]
    read = [os.path.normpath(folder / name) for name in record[records.READ]]
    if others := [each for each in (*made, *read) if each not in contents.files]:
        raise InputError(
            f"{contents.files[path]} names {others[0]}, which is not among the results of the budget "
            f"{contents.budget}; {files.REMEDY}"
        )
    return ExecutedJob(str(record["stage"]).replace("-", "_"), (*made, path), tuple(read), record)
