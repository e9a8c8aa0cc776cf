"""The crate of the archive: which code made which file, from what, when and for how long.

It is a Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5) on RO-Crate 1.1. The rules of the workflow
are its steps, and a command of the package with one version of the code is a tool. A job that was executed is an action
of its tool on files, and the step that Snakemake carried out with it an action of control. Where the code that made a
file is that of the archive, its tool lists the modules; elsewhere it names the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

import capacity
from capacity.archive.bundle import MANIFEST
from capacity.archive.contents import AUTHORS, CODE, CONFIGURATION, LICENSE, README, WORKFLOW, Contents
from capacity.archive.executed_jobs import ExecutedJob
from capacity.storage import code

METADATA = "ro-crate-metadata.json"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles"
TERMS = {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("sha256", "resourceUsage")}
"""The terms that RO-Crate 1.1 lacks, from the namespace of the profile."""
SNAKEMAKE = "https://snakemake.github.io"
COMPLETED = "http://schema.org/CompletedActionStatus"
SECONDS = "http://qudt.org/vocab/unit/SEC"
FORMATS = {
    ".csv": "text/csv",
    ".css": "text/css",
    ".html": "text/html",
    ".j2": "text/plain",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".rst": "text/x-rst",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def crate(
    contents: Contents,
    jobs: Sequence[ExecutedJob],
    sums: Mapping[str, str],
    sizes: Mapping[str, int],
    published: float,
    commit: str | None,
) -> bytes:
    """Return the metadata of the crate, as JSON-LD.

    Args:
        contents: what is archived.
        jobs: that were executed.
        sums: the SHA-256 of every other file of the archive, by its path.
        sizes: their bytes.
        published: when the newest of the results was made, in seconds since 1970.
        commit: of the code that archives; None outside git.
    """
    made = _Crate(contents, sums, sizes, published, commit)
    made.add_jobs(jobs)
    return json.dumps(made.crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False).encode()


def moment(seconds: float) -> str:
    """Return a time in seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class _Crate:
    """Builds the crate, entity by entity."""

    def __init__(
        self,
        contents: Contents,
        sums: Mapping[str, str],
        sizes: Mapping[str, int],
        published: float,
        commit: str | None,
    ) -> None:
        self._contents = contents
        self._commit = commit
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms.update(TERMS)
        title = f"Too Big to Think, reproduced: the budget {contents.budget}"
        self.crate.name = title
        self.crate.description = (
            "Trained networks, corpora, tables, figures, configuration and code of the studies "
            f"{', '.join(contents.studies)}, and which code made which file, from what, when and for how long."
        )
        self.crate.datePublished = moment(published)
        self.crate.license = self._context(LICENSE, "CreativeWork", name="MIT License", identifier=LICENSE)
        self._engine = self._context(
            SNAKEMAKE,
            "SoftwareApplication",
            name="Snakemake",
            softwareVersion=metadata.version("snakemake"),
            url=SNAKEMAKE,
        )
        self.crate.root_dataset["author"] = self._context("#authors", "Organization", name=AUTHORS)
        self._files = {path: self._file(path, sums[path], sizes[path]) for path in sorted(sums)}
        self._files[MANIFEST] = self.crate.add_file(
            dest_path=MANIFEST,
            properties={"name": "digest of every file of the archive, this one apart", "encodingFormat": "text/plain"},
        )
        self._files[README]["about"] = self.crate.root_dataset
        profiles = [
            self._context(profile, "CreativeWork", name=name, version=version)
            for profile, (name, version) in PROFILES.items()
        ]
        self.crate.root_dataset["conformsTo"] = profiles
        self.crate.metadata["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, profiles[-1]]

    def add_jobs(self, jobs: Sequence[ExecutedJob]) -> None:
        """Add the workflow, its steps and tools, and an action for each job."""
        workflow = self._workflow()
        tools: dict[str, Entity] = {}
        steps: dict[str, Entity] = {}
        controls, actions = [], []
        used: dict[str, list[Entity]] = {}
        for job in jobs:
            tool = self._tool(job, tools)
            if tool not in used.setdefault(job.rule, []):
                used[job.rule].append(tool)
            if job.rule not in steps:
                steps[job.rule] = self._context(
                    f"{WORKFLOW}#{job.rule}", "HowToStep", name=job.rule, position=str(len(steps) + 1)
                )
            action = self._action(job, tool)
            actions.append(action)
            controls.append(
                self._context(
                    f"#control/{job.name}",
                    "ControlAction",
                    name=f"Snakemake carries out {job.name}",
                    instrument=steps[job.rule],
                    object=action,
                    actionStatus=COMPLETED,
                )
            )
        for rule, step in steps.items():
            step["workExample"] = _single(used[rule])
        workflow["step"] = list(steps.values())
        workflow["hasPart"] = list(tools.values())
        run = self._run(workflow, jobs)
        organized = self._context(
            "#organization",
            "OrganizeAction",
            name=f"Snakemake runs the budget {self._contents.budget}",
            instrument=self._engine,
            object=controls,
            result=run,
            actionStatus=COMPLETED,
        )
        self.crate.root_dataset["mentions"] = [run, organized, *actions]

    def _context(self, identity: str, kind: str, /, **properties: Any) -> Entity:
        entity = ContextEntity(self.crate, identity, properties={"@type": kind, **properties})
        return self.crate.add(entity)

    def _file(self, path: str, checksum: str, size: int) -> Entity:
        place = PurePosixPath(path)
        properties = {"name": path, "sha256": checksum, "contentSize": str(size)}
        properties["encodingFormat"] = FORMATS.get(
            place.suffix, "application/octet-stream" if "." in place.name else "text/plain"
        )
        return self.crate.add_file(dest_path=path, properties=properties)

    def _workflow(self) -> Entity:
        """The main file of the workflow, with its language and its parameters."""
        language = self._context(
            "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
            "ComputerLanguage",
            name="Snakemake",
            identifier={"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            url={"@id": SNAKEMAKE},
        )
        workflow = self._files[WORKFLOW]
        workflow.properties()["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
        workflow["name"] = "Too Big to Think, reproduced"
        workflow["programmingLanguage"] = language
        workflow["conformsTo"] = {"@id": f"{BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"}
        workflow["version"] = capacity.__version__
        workflow["license"] = self.crate.license
        self._parameters = [
            self._parameter("budget", "Text", "the name of a budget in the configuration"),
            self._parameter("configuration", "File", "the whole configuration"),
        ]
        workflow["input"] = self._parameters
        self.crate.mainEntity = workflow
        return workflow

    def _parameter(self, name: str, kind: str, description: str) -> Entity:
        return self._context(
            f"#parameter/{name}",
            "FormalParameter",
            name=name,
            description=description,
            additionalType=kind,
            conformsTo={"@id": f"{BIOSCHEMAS}/FormalParameter/1.0-RELEASE"},
        )

    def _tool(self, job: ExecutedJob, tools: dict[str, Entity]) -> Entity:
        """The command that a job ran, with the code that it had."""
        digest = job.origin.get("source_digest")
        commit = job.origin.get("git_commit") or (None if digest else self._commit)
        task = job.origin.get("settings", {}).get("task")
        identifier = f"#tool/{job.rule}/{str(digest)[:16]}" if digest else f"#tool/{job.rule}"
        if identifier in tools:
            return tools[identifier]
        command = job.rule.replace("_", "-")
        properties: dict[str, Any] = {
            "name": f"python -m capacity {command}",
            "softwareVersion": str(job.origin.get("versions", {}).get("capacity", capacity.__version__)),
            "description": "Made by the code of this archive.",
        }
        if job.rule == "figure_of_base":
            properties["name"] = "cp"
        if digest:
            properties["identifier"] = f"sha256:{digest}"
            modules = self._modules(job.origin, digest, task)
            if modules:
                properties["hasPart"] = modules
            else:
                properties["description"] = (
                    f"Made by other code than that of this archive: commit {commit or 'not recorded'}."
                )
        if commit:
            properties["releaseNotes"] = f"git commit {commit}"
        tools[identifier] = self._context(identifier, "SoftwareApplication", **properties)
        return tools[identifier]

    def _modules(self, origin: Mapping[str, Any], digest: str, task: str | None) -> list[Entity]:
        """The modules that decide what a stage writes; none if those of the archive are others."""
        stage = str(origin["stage"])
        if code.source_digest(stage, task) != digest:
            return []
        paths = (f"{CODE}/src/{module.replace('.', '/')}" for module in code.stage_modules(stage, task))
        listed = (path for each in paths for path in (f"{each}.py", f"{each}/__init__.py"))
        return [self._files[path] for path in listed if path in self._files]

    def _action(self, job: ExecutedJob, tool: Entity) -> Entity:
        """What a job did: its tool, files and times."""
        properties: dict[str, Any] = {
            "name": job.name,
            "description": f"A job of the rule {job.rule}.",
            "instrument": tool,
            "result": _single([self._files[path] for path in job.made]),
            "actionStatus": COMPLETED,
        }
        if job.read:
            properties["object"] = _single([self._files[path] for path in job.read])
        if job.started is not None and job.ended is not None:
            properties |= {"startTime": moment(job.started), "endTime": moment(job.ended)}
        if job.seconds is not None:
            properties["resourceUsage"] = self._context(
                f"#seconds/{job.name}",
                "PropertyValue",
                name="seconds of training, of all attempts together",
                propertyID="https://schema.org/totalTime",
                unitCode=SECONDS,
                value=str(job.seconds),
            )
        return self._context(f"#run/{job.name}", "CreateAction", **properties)

    def _run(self, workflow: Entity, jobs: Sequence[ExecutedJob]) -> Entity:
        """The run of the whole workflow."""
        budget, configuration = self._parameters
        chosen = self._context(
            "#budget", "PropertyValue", name="budget", value=self._contents.budget, exampleOfWork=budget
        )
        self._files[CONFIGURATION]["exampleOfWork"] = configuration
        properties: dict[str, Any] = {
            "name": f"The budget {self._contents.budget}",
            "description": "All jobs of the workflow together.",
            "instrument": workflow,
            "object": [chosen, self._files[CONFIGURATION]],
            "result": [self._files[path] for path in self._contents.files if path != CONFIGURATION],
            "actionStatus": COMPLETED,
        }
        started = [job.started for job in jobs if job.started is not None]
        ended = [job.ended for job in jobs if job.ended is not None]
        if started and ended:
            properties |= {"startTime": moment(min(started)), "endTime": moment(max(ended))}
        return self._context("#run", "CreateAction", **properties)


def _single(entities: list[Entity]) -> Entity | list[Entity]:
    """Return a list as JSON-LD writes it: one entity without a list."""
    return entities[0] if len(entities) == 1 else entities
