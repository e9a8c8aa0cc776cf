"""The files of studies: plans, and what records say of tables, figures, pages and manifests."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from capacity.errors import InputError
from capacity.experiment.plan import MAIN_STUDY, Plan, figure_paths, record_paths
from capacity.experiment.study_figures import RESERVED
from capacity.experiment.table_plan import FOLDER, read_plan
from capacity.storage import files, parquet, records
from capacity.tasks.registry import TASKS
from capacity.verification.checks import attempt, check_code
from capacity.verification.findings import DAMAGED, FOREIGN, MISSING, STALE, Finding

TABLE_STAGES = {
    "runs": "tabulate",
    "history": "histories",
    "dynamics": "dynamics",
    "expressions": "expressions",
    "expression_histories": "expression-histories",
}
PAGE_STAGES = {
    "tables/replication": "replication",
    "figures/replication": "draw-replication",
    "tables/claims": "claims",
    "findings": "findings",
    "laboratory": "laboratory",
    "methods": "methods",
    "explorer": "explorer",
    "report/pages": "report-of-all",
}
ARCHIVE = "archive"
"""The stage that writes the archive, and the name of its files. No manifest lists it, as ``all`` does not make it."""
PAGE_OF_STUDY = "answer"
"""The stage that writes the page of a study, whose record is ``studies/{study}/index.json``."""
PAGES_OF_STUDY = "report-of-study"
"""The stage that writes the pages of a study for the report, whose record is ``report/{study}/pages.json``."""
FIGURE_STAGES = {
    **{name: f"draw-{name}" for name in ("tradeoff", "dynamics", "answers")},
    "held_out_histories": "draw-held-out-histories",
    **dict.fromkeys(TASKS, "draw-curves"),
}
"""The stages that leave records, by the names of these."""

OF_REPORT, RECORD_OF_REPORT = "report", "pages.json"
"""The folder of the pages for the report, and the record of those in a folder."""
OWN_FIGURES = "studies"
"""The folder with a folder for each study, in which are its page and the figures that its configuration describes."""

SUFFIXES = (".parquet", ".csv", ".md", ".pdf", ".png", ".svg", ".html", ".zip")
MANIFEST_LINE = re.compile(r"[0-9a-f]{64}  [^\n]+\n")
MANIFEST, MANIFESTS = "manifest.sha256", "manifests"
PAGE_RECORDS = [f"{name}.json" for name in PAGE_STAGES]


def record_of(path: str) -> str | None:
    """Return the record that names a file of a study, or the path itself if it is a record; None for any other file."""
    place = PurePosixPath(path)
    if place.suffix not in (*SUFFIXES, ".json"):
        return None
    is_of_report = place.parts[0] == OF_REPORT
    record = (place.with_name(RECORD_OF_REPORT) if is_of_report else records.record_beside(place)).as_posix()
    return record if _stage(record) else None


def _stage(record: str) -> str | None:
    """Return the stage that leaves a record; None if there is none."""
    place = PurePosixPath(record)
    top, name = place.parts[0], place.stem
    if record.removesuffix(".json") in (*PAGE_STAGES, ARCHIVE):
        return PAGE_STAGES.get(record.removesuffix(".json"), ARCHIVE)
    if top == "tables" and (len(place.parts) == 3 or (len(place.parts) == 4 and place.parts[2] in TASKS)):
        return TABLE_STAGES.get(name)
    if top == "figures" and len(place.parts) == 3:
        return FIGURE_STAGES.get(name)
    if top == OF_REPORT and len(place.parts) == 3:
        return PAGES_OF_STUDY
    if top == OWN_FIGURES and len(place.parts) == 3 and name == "index":
        return PAGE_OF_STUDY
    if top == OWN_FIGURES and len(place.parts) == 3 and name not in RESERVED:
        return "draw-measures"
    return None


@dataclass
class Studies:
    """Checks the files of studies.

    Attributes:
        root: the folder of results.
        paths: every file in it, from there.
        plan: of the configuration of the newest run; None if it is not known.
        run: the studies that its budget runs.
        found: what is wrong.
    """

    root: Path
    paths: Collection[str]
    plan: Plan | None
    run: tuple[str, ...]
    found: list[Finding]
    _sums: dict[str, str] = field(default_factory=dict)
    _records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def check_plan(self, path: str) -> None:
        """Check the plan of a table against its name and the configuration."""
        name = path.removeprefix("plans/").removesuffix(".json")
        plan = attempt(lambda: read_plan(self.root / path, Path(FOLDER)), path, self.found)
        if plan is None:
            return
        if plan.table != name:
            self._add(FOREIGN, path, f"it is the plan of {plan.table}", path)
        elif (now := self._digest(name)) is not None and now != plan.digest:
            self._add(STALE, path, f"its digest is {plan.digest}, and that of the configuration is {now}", path)

    def read_records(self, paths: Collection[str]) -> None:
        """Read the records, so that it is known which files they name."""
        for path in paths:
            if (record := attempt(lambda path=path: records.read_record(self.root / path), path, self.found)) is None:  # type: ignore[misc]
                continue
            if (why := self._why_foreign(path, record)) is not None:
                self._add(FOREIGN, path, why, path)
            else:
                self._records[path] = record

    def check_record(self, path: str) -> None:
        """Check the files that a record names, and what it says of code, plan and what was read."""
        record = self._records.get(path)
        if record is None:
            return
        folder = PurePosixPath(path).parent
        check_code(path, record, str(record["stage"]), self.found)
        settings = record["settings"]
        now = self._digest(settings["table"]) if "table" in settings else None
        if now is not None and now != settings.get("plan"):
            self._add(STALE, path, f"it is of plan {settings.get('plan')}, and the configuration makes {now}", path)
        if record["stage"] == "draw-measures":
            self._check_own_figure(path, settings)
        for name, checksum in record[records.FILES].items():
            self._check_file((folder / name).as_posix(), checksum, path)

    def check_read(self, path: str) -> None:
        """Check that what a stage read is there and unchanged. Whatever is found wrong with a file is said once."""
        wrong = {finding.path for finding in self.found}
        for name, checksum in self._records.get(path, {}).get(records.READ, {}).items():
            read = _normal(PurePosixPath(path).parent / name)
            if read in wrong:
                continue
            if read not in self.paths:
                self._add(MISSING, read, f"{path} says that it was read", read)
            elif self._sum(read) != checksum:
                self._add(STALE, path, f"{read} is not the one that it was made of", path)
                return

    def check_file(self, path: str) -> None:
        """Check that a file of a study is named in its record, or is a copy of one that is."""
        place = PurePosixPath(path)
        if place.parts[0] == "figures" and len(place.parts) == 2 and place.stem in FIGURE_STAGES:
            source = f"figures/{MAIN_STUDY}/{place.name}"
            record = self._records.get(f"figures/{MAIN_STUDY}/{place.stem}.json")
            named = f"figures/{MAIN_STUDY}/{place.stem}.json"
            if record is None:
                if named not in self.paths:
                    self._add(MISSING, named, f"{path} is a copy of its figure", source)
            elif place.name not in record[records.FILES]:
                self._add(FOREIGN, path, f"there is no {source} of which it could be a copy")
            else:
                self._check_file(path, record[records.FILES][place.name], source)
            return
        record_path = record_of(path)
        if record_path is None:
            self._add(FOREIGN, path, "no stage of this workflow writes such a file")
        elif record_path not in self.paths:
            self._add(MISSING, record_path, f"without it nothing says what {path} is", record_path)
        elif record_path in self._records:
            if place.name not in self._records[record_path][records.FILES]:
                self._add(FOREIGN, path, f"{record_path} does not name it")
        elif path.endswith(".parquet"):  # its record is damaged: it has a checksum of its own
            attempt(lambda: parquet.read_parquet(self.root / path), path, self.found)

    def check_manifest(self, path: str) -> None:
        """Check that a manifest is what the records make, and that all that it lists is there."""
        text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines(keepends=True)
        if not lines or not all(map(MANIFEST_LINE.fullmatch, lines)):
            self._add(DAMAGED, path, "a line is not a checksum and a path", path)
            return
        wrong = {finding.path for finding in self.found}
        for line in lines:
            if (listed := line[66:-1]) not in self.paths and listed not in wrong:
                self._add(MISSING, listed, f"{path} lists it", listed)
        for line in lines:
            if (listed := line[66:-1]) in self._records and self._sum(listed) != line[:64]:
                self._add(STALE, path, f"{listed} is not the one that it was made of", path)
                return
        expected = self._manifest(path)
        if expected is not None and expected != text:
            self._add(DAMAGED, path, "it is not what the records make", path)

    def check_absent(self) -> None:
        """Check that there is a manifest of every study that the budget runs, if everything else of it is there."""
        wanted = {MANIFEST: PAGE_RECORDS}
        for study in self.run if self.plan else ():
            wanted[f"{MANIFESTS}/{study}.sha256"] = self._record_paths(study)
        for path, made_of in wanted.items():
            if path not in self.paths and all(each in self.paths for each in made_of):
                self._add(MISSING, path, "everything that it lists is there", path)

    def _add(self, kind: str, path: str, why: str, target: str = "") -> None:
        finding = Finding(kind, path, why, target)
        if all((kind, path) != (each.kind, each.path) for each in self.found):
            self.found.append(finding)

    def _digest(self, table: str) -> str | None:
        """Return the digest of the plan that the configuration makes of a table; None if it has no such table."""
        try:
            return None if self.plan is None else self.plan.table(table).digest
        except InputError:
            return None

    def _sum(self, path: str) -> str:
        if path not in self._sums:
            self._sums[path] = files.sha256(self.root / path)
        return self._sums[path]

    def _check_own_figure(self, path: str, settings: Mapping[str, Any]) -> None:
        """Check that a figure of a study's own is what the configuration describes now, if it has the study."""
        place = PurePosixPath(path)
        study = None if self.plan is None else self.plan.studies.get(place.parts[1])
        if study is None:
            return
        if place.stem not in study.figures:
            self._add(STALE, path, f"the configuration has no figure {place.stem} of {study.name}")
        elif (now := study.figures[place.stem].options()) != settings.get("figure"):
            self._add(STALE, path, f"it was drawn with {settings.get('figure')}, and is {now} now", path)

    def _why_foreign(self, path: str, record: Mapping[str, Any]) -> str | None:
        """Return why a record is not that of its place, or None."""
        stage, settings = _stage(path), record["settings"]
        if record["stage"] != stage:
            return f"it is the record of {record['stage']}, and not of {stage}"
        study = PurePosixPath(path).parent.as_posix().partition("/")[2]
        if stage in (*TABLE_STAGES.values(), PAGE_OF_STUDY) and settings.get("table") != study:
            return f"it is of {settings.get('table')}, and not of {study}"
        if stage == PAGES_OF_STUDY and settings.get("study") != study:
            return f"it is of {settings.get('study')}, and not of {study}"
        is_figure_of_study = stage not in PAGE_STAGES.values() and path.startswith(("figures/", f"{OWN_FIGURES}/"))
        drawn = settings.get("tables", {}) if is_figure_of_study else {}
        if other := [name for name in drawn if study not in (name, name.partition("/")[0])]:
            return f"it is of {other[0]}, and not of {study}"
        return None

    def _check_file(self, path: str, checksum: str, target: str) -> None:
        """Check a file against the checksum that a record has of it."""
        if path not in self.paths:
            self._add(MISSING, path, f"{target} names it", path)
        elif self._sum(path) != checksum:
            kind, why = self._what_is_wrong(path)
            self._add(kind, path, why, path)

    def _what_is_wrong(self, path: str) -> tuple[str, str]:
        """Return whether a file with another checksum than expected is damaged or foreign, and how that is known."""
        mine = self._sum(path)
        for record_path, record in self._records.items():
            for name, checksum in record[records.FILES].items():
                if checksum == mine:
                    return FOREIGN, f"it is {PurePosixPath(record_path).parent / name}"
        damaged = "its bytes do not fit the checksum in its record"
        if not path.endswith(".parquet"):
            return DAMAGED, damaged
        try:
            origin = parquet.provenance_of(parquet.read_parquet(self.root / path))
        except (InputError, KeyError, ValueError):
            return DAMAGED, damaged
        expected = self._records.get(record_of(path) or "", {})
        if all(origin.get(key) == expected.get(key) for key in ("stage", "settings", "runs")):
            return DAMAGED, damaged
        return FOREIGN, f"it is whole, and of {origin.get('stage')} with {origin.get('settings')}"

    def _record_paths(self, study: str) -> list[str]:
        assert self.plan is not None
        return [path.removeprefix("results/") for path in record_paths(self.plan.study(study))]

    def _manifest(self, path: str) -> str | None:
        """Return what a manifest has to say; None if that is not known, as where a record is damaged."""
        study = path.removeprefix(f"{MANIFESTS}/").removesuffix(".sha256")
        copies: dict[Path, Path] = {}
        if path == MANIFEST:
            made_of = PAGE_RECORDS
        elif self.plan is None or study not in self.plan.studies:
            return None
        else:
            made_of = self._record_paths(study)
            if study == MAIN_STUDY:
                copies = {self.root / copy: self.root / source for copy, source in self._copies()}
        if not all(each in self._records for each in made_of):
            return None
        return records.manifest([self.root / each for each in made_of], self.root, copies)

    def _copies(self) -> Iterator[tuple[str, str]]:
        assert self.plan is not None
        for drawn in figure_paths(self.plan.study(MAIN_STUDY)):
            for suffix in (".pdf", ".png"):
                source = PurePosixPath(drawn.removeprefix("results/")).with_suffix(suffix)
                yield f"figures/{source.name}", source.as_posix()


def _normal(path: PurePosixPath) -> str:
    """Return a path without the steps up in it."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
