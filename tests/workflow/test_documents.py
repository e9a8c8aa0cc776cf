"""What the documents tell a reader to type can be typed, and what they link to is there."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_args

from capacity.commands import COMMANDS
from tests.support.repository import REPOSITORY
from tests.support.shipped_configuration import shipped_configuration

PAGES = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "tests/README.md"]
DOCUMENTS = [*PAGES, *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md"))]
PROFILES = sorted(path.parent.name for path in (REPOSITORY / "profiles").glob("*/config.yaml"))
FENCED = re.compile(r"^```([a-z]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
PROGRAMS = ("snakemake", "make", "python")
ELSEWHERE = ("http://", "https://", "mailto:", "#")
# Options that do something else than making targets, and those with a value that need what a test machine may not have
# or say how much is printed.
ACTIONS = {"--unlock", "--lint", "--help", "--version"}
LEFT_OUT = {"--report", "--cores", "--sdm", "--software-deployment-method", "--workflow-profile", "--profile"}
LEFT_OUT |= {"--default-storage-provider", "--default-storage-prefix", "-q"}


@cache
def text_of(document):
    return (REPOSITORY / document).read_text(encoding="utf-8")


def commands_of(document):
    """Every command of the three programs, in code blocks and in running text, as its arguments."""
    text = text_of(document)
    blocks = [body for language, body in FENCED.findall(text) if language in ("", "sh", "bash", "console", "shell")]
    lines = [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    lines += INLINE.findall(FENCED.sub("", text))
    found = []
    for line in lines:
        if not re.match(r"(\$ )?[\w./=-]*(snakemake|make|python)\b", line):
            continue
        for part in re.split(r"&&|;|\|", line.removeprefix("$ ")):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and Path(words[0]).name in PROGRAMS:
                found.append((Path(words[0]).name, *words[1:]))
    return list(dict.fromkeys(found))


def commands(program):
    return [(document, words[1:]) for document in DOCUMENTS for words in commands_of(document) if words[0] == program]


def settings_of(document):
    """The configuration that a document's examples add up to."""
    merged = {}
    for language, body in FENCED.findall(text_of(document)):
        example = yaml.safe_load(body) if language == "yaml" else None
        for key, value in (example or {}).items():
            merged[key] = merged.get(key, {}) | value if isinstance(value, dict) else value
    return merged


def in_few_jobs(settings):
    """Settings with all seeds of a cell in one job, as thousands of jobs take Snakemake long to plan."""
    budgets = settings.get("budgets", {})
    shipped = {name: {"seeds_per_job": 20} | budgets.get(name, {}) for name in shipped_configuration()["budgets"]}
    return settings | {"budgets": budgets | shipped}


def without(words, options):
    """Arguments without some options and their one value each."""
    kept = list(words)
    for option in options & set(kept):
        place = kept.index(option)
        del kept[place : place + 2]
    return kept


def test_the_readme_is_there():
    assert "README.md" in DOCUMENTS
    assert len(text_of("README.md")) > 1000


def test_the_readme_says_how_to_run_and_how_to_test():
    said = commands_of("README.md")
    assert ("make",) in said
    assert ("make", "test") in said
    assert any(words[0] == "snakemake" for words in said)


def test_every_make_target_exists():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    asked = {word for _, words in commands("make") for word in words if "=" not in word and not word.startswith("-")}
    assert phony <= targets
    assert asked <= targets


def test_every_snakemake_command_can_be_planned(clone):
    """Commands with the same options under the same configuration are planned together."""
    planned = {}
    for document in DOCUMENTS:
        settings = json.dumps(settings_of(document))
        for words in (words[1:] for words in commands_of(document) if words[0] == "snakemake"):
            arguments = [word for word in without(words, LEFT_OUT) if word not in ("-n", "--dry-run", "--")]
            if not ACTIONS.intersection(arguments):
                targets = sorted(parse_args(list(words))[1].targets) or ["all"]
                options = tuple(word for word in arguments if word not in targets)
                planned.setdefault((settings, options), set()).update(targets)
    assert len(planned) > 5
    for number, ((settings, options), targets) in enumerate(planned.items()):
        example = clone.configure(f"{number}.yaml", in_few_jobs(json.loads(settings)))
        clone.snakemake("--dry-run", *options, "--configfile", example, "--", *sorted(targets))


def test_every_profile_that_is_named_exists():
    for document, words in commands("snakemake"):
        for option, value in pairwise(words):
            if option in ("--workflow-profile", "--profile"):
                folder = REPOSITORY / value if "/" in value else REPOSITORY / "profiles" / value
                assert (folder / "config.yaml").is_file(), f"{document}: {option} {value}"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_entry_of_a_profile_says_why_it_is_there(profile):
    lines = text_of(f"profiles/{profile}/config.yaml").splitlines()
    entries = {line: above for above, line in pairwise(["", *lines]) if re.match(r"[\w-]+:", line)}
    assert entries
    assert [entry for entry, above in entries.items() if not re.match(r" *# \S", above)] == []


@pytest.mark.parametrize("profile", ["slurm", "cluster-generic"])
def test_every_rule_but_training_travels_in_a_group_and_everything_can_be_planned(profile, clone):
    groups = yaml.safe_load(text_of(f"profiles/{profile}/config.yaml"))["groups"]
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    bodies = dict(re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)+)", rules, re.MULTILINE))
    local = {name for name, body in bodies.items() if "localrule: True" in body}
    assert local == {"plan", "archive"}
    assert set(groups) == set(bodies) - local - {"train"}
    clone.snakemake("--dry-run", "all", "--workflow-profile", f"profiles/{profile}")


def test_partition_and_account_of_a_site_are_set_by_taking_away_two_marks(clone):
    profile, edits = re.subn(
        r"^  # (?=slurm_(?:partition|account):)", "  ", text_of("profiles/slurm/config.yaml"), flags=re.MULTILINE
    )
    assert edits == 2
    (clone.folder / "site").mkdir()
    (clone.folder / "site/config.yaml").write_text(profile)
    said = clone.snakemake("--dry-run", "results/corpora/facts.parquet", "--workflow-profile", "site")
    assert "slurm_partition=standard" in said
    assert "slurm_account=project" in said


def test_every_command_of_the_package_exists():
    named = {words[2] for _, words in commands("python") if words[:2] == ("-m", "capacity") and len(words) > 2}
    assert {"status", "corpus", "train"} <= named
    assert named - set(COMMANDS) - {"--help", "<command>"} == set()


def test_every_module_that_is_run_is_there():
    modules = {words[1] for _, words in commands("python") if words[:1] == ("-m",)} - {"venv", "pip", "pytest"}
    paths = [REPOSITORY / "src" / name.replace(".", "/") for name in modules if name.split(".")[0] == "capacity"]
    paths += [REPOSITORY / name.replace(".", "/") for name in modules if name.split(".")[0] != "capacity"]
    assert paths
    assert [path for path in paths if not (path.with_suffix(".py").is_file() or (path / "__main__.py").is_file())] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_to_a_file(document):
    folder = (REPOSITORY / document).parent
    links = [first or second for first, second in LINK.findall(text_of(document))]
    inside = [link.split("#")[0] for link in links if not link.startswith(ELSEWHERE)]
    assert [link for link in inside if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_source_file_that_is_named_exists(document):
    folders = ("src", "tests", "workflow", "benchmarks", "tools")
    existing = {path.name for folder in folders for path in (REPOSITORY / folder).rglob("*")}
    named = set(re.findall(r"\b[a-z_]+\.(?:py|smk)\b", text_of(document)))
    assert named - existing == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_left_to_be_filled_in(document):
    assert re.findall(r"\b(?:TODO|FIXME|XXX|[A-Z]+_PLACEHOLDER|PLACEHOLDER)\b", text_of(document)) == []


def test_the_findings_are_those_of_the_published_results(repository):
    kept = (repository / "docs/findings.md").read_bytes()
    budgets = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))["budgets"]
    pages = [repository / "docs/results" / budget / "findings.md" for budget in budgets]
    assert kept in [page.read_bytes() for page in pages if page.exists()]
