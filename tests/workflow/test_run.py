"""One small run from nothing to figures, and what is done again after a change: exactly what depends on it."""

from __future__ import annotations

import copy
import csv
import html
import json
import platform
import re
import shutil
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import jsonschema
import markdown as python_markdown
import pyarrow.parquet as pq
import pypdf
import pytest
from safetensors import safe_open

from capacity.dictionary.queries import QUERIES
from capacity.storage import evaluations
from tests.support import browser, chromium
from tests.support.clones import STUDIES, TITLE
from tests.support.commands import run_command
from tests.support.described_tables import described_paths

TASKS = ("arithmetic", "facts", "joint")
VARIANT = "variant=batch-8_evaluation_interval-3_iterations-6"
CELLS = [f"task={task}/size=n14/{VARIANT}" for task in TASKS] + [f"task=facts/size=l2h2d8m2/{VARIANT}"]
FOLDERS = [f"results/cells/{cell}/seeds=0_1337" for cell in CELLS]
FIGURES = ("tradeoff", *TASKS, "dynamics", "answers", "held_out_histories")
SAME = (".parquet", ".json", ".safetensors", ".csv", ".md", ".pdf", ".png", ".svg", ".sha256")
NOTHING = Counter()
DRAWN = Counter(
    draw_tradeoff=1, draw_curves=3, draw_dynamics=1, draw_answers=1, draw_held_out_histories=1, figure_of_base=7
)
AGAINST_THE_PAPER = Counter(replication=1, draw_replication=1, claims=1, findings=1, answer=1, laboratory=1, methods=1)
AGAINST_THE_PAPER += Counter(explorer=1, report_of_study=1, report_of_all=1, manifest_of_pages=1)
REPORTED = Counter(report_of_all=1, manifest_of_pages=1)
# What follows from the page of a study, which is made again with its figures and tables.
OF_THE_PAGE = Counter(answer=1, laboratory=1, methods=1, explorer=1, report_of_study=1) + REPORTED
# Whatever reads an evaluation or a history, and what is drawn from that.
TABULATED = (
    DRAWN + AGAINST_THE_PAPER + Counter(tabulate=4, dynamics=3, expressions=3, expression_histories=3, manifest=1)
)
HISTORIES = Counter(histories=4)
PLANS = Counter(plan=4)
MANIFESTS = Counter(manifest=1, manifest_of_pages=1)


@pytest.fixture(scope="module")
def trained(make_clone, tiny):
    """A clone in which everything was made."""
    clone = make_clone("trained clone", STUDIES)
    clone.configure("tiny.yaml", tiny)
    clone.snakemake("--configfile", "tiny.yaml")
    return clone


@pytest.fixture(scope="module")
def asked_again(trained):
    """The jobs of a second, dry run, of what options and further configuration are given."""

    def ask(*more):
        return trained.planned("--configfile", "tiny.yaml", *more)

    return ask


@pytest.fixture(scope="module")
def counted_again(asked_again):
    def count(*more):
        return Counter(job.rule for job in asked_again(*more))

    return count


@pytest.fixture(scope="module")
def report(trained):
    """The report on everything that was made."""
    trained.snakemake("--report", "report.html", "--configfile", "tiny.yaml")
    return (trained.folder / "report.html").read_text(encoding="utf-8")


@contextmanager
def edited(path, line="EDITED = True"):
    """A source file with one more line at its end, for a while."""
    before = path.read_bytes()
    path.write_bytes(before + f"{line}\n".encode())
    try:
        yield
    finally:
        path.write_bytes(before)


def fetched_by_a_browser(page):
    """Whatever of a page a browser gets from the network by itself: resources, style sheets, calls of scripts."""
    found = []
    for tag in re.findall(r"<(?:script|link|img|iframe|object|embed|source|video|audio)\b[^<>]*>", page):
        found += re.findall(r"""(?:src|href|data|srcset)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""", tag)
    found += re.findall(r"""(?:@import\s*|url\(\s*)["']?((?:https?:)?//[^"')\s]+)""", page)
    calls = r"(?:fetch|import|open|WebSocket|EventSource|sendBeacon|importScripts)"
    return found + re.findall(calls + r"""\(\s*(?:["']GET["'],\s*)?["'`]((?:https?|wss?):[^"'`]+)""", page)


def trained_folders(jobs):
    return {Path(job.outputs[0]).parent.as_posix() for job in jobs if job.rule == "train"}


def costly(jobs):
    """How many jobs there are of the rules that come before the tables."""
    return Counter(job.rule for job in jobs if job.rule in ("corpus", "train", "evaluate"))


def cells_of(configuration, **changes):
    """The tiny configuration with another entry after those of the budget."""
    changed = copy.deepcopy(configuration)
    changed["budgets"]["laptop"]["cells"].append(changes)
    return changed


def test_networks_of_an_archive_are_not_trained_again(trained, make_clone, tiny, tmp_path):
    """The dates that unpacking gives to files do not matter."""
    run_command("publish", "base", tmp_path / "published", "--networks", "--root", trained.folder)
    other = make_clone("unpacked clone", STUDIES)
    other.configure("tiny.yaml", tiny)
    assert costly(other.planned("--configfile", "tiny.yaml"))["train"] == len(CELLS)
    shutil.unpack_archive(tmp_path / "published/networks.zip", other.folder)
    assert costly(other.planned("--configfile", "tiny.yaml")) == NOTHING


def test_the_archive_is_made_of_what_is_there_and_verified(trained, capsys):
    words = ("results/archive.zip", "--configfile", "tiny.yaml")
    assert [job.rule for job in trained.planned(*words)] == ["archive"]
    trained.snakemake(*words)
    archive = trained.folder / "results/archive.zip"
    with pytest.raises(SystemExit) as ended:
        run_command("verify", archive)
    assert ended.value.code == 0
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
        graph = json.loads(opened.read("ro-crate-metadata.json"))["@graph"]
    assert {f"{folder}/weights.safetensors" for folder in FOLDERS} | {"cards/n14.md", "cards/l2h2d8m2.md"} <= names
    actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
    assert len(actions) > 2 * len(CELLS)
    assert [action["name"] for action in actions if not action.get("startTime", "?") <= action["endTime"]] == []
    assert trained.planned(*words) == []


def test_every_promised_file_is_there(trained):
    stages: tuple[str, ...] = ("weights.safetensors", "history.parquet", "run.json", "timing.json", "evaluation.json")
    stages += ("answers.parquet", "operands.parquet", "mechanism.parquet")
    tables: tuple[str, ...] = ("runs.parquet", "history.parquet", "summary.parquet", "summary.csv", "summary.md")
    tables += ("dynamics.parquet", "dynamics.csv", "dynamics.md", "expressions.parquet")
    tables += ("expression_histories.parquet", "expression_histories.json")
    tables += ("runs.json", "history.json", "dynamics.json", "expressions.json")
    wanted = [f"results/corpora/{task}.parquet" for task in TASKS]
    wanted += [f"{folder}/{name}" for folder in FOLDERS for name in stages]
    wanted += [f"results/tables/base/{name}" for name in tables]
    wanted += [
        f"results/tables/{name}.{kind}" for name in ("replication", "claims") for kind in ("parquet", "csv", "md")
    ]
    wanted += [f"results/plans/{table}.json" for table in ("base", *(f"base/{task}" for task in TASKS))]
    wanted += ["results/findings.md", "results/configuration.json", "results/manifest.sha256"]
    wanted += [f"results/studies/base/{name}" for name in ("index.md", "answer.json", "index.json")]
    wanted += [f"results/{name}.{kind}" for name in ("laboratory", "methods") for kind in ("md", "json")]
    wanted += ["results/explorer.html", "results/explorer.json"]
    wanted += [f"results/report/base/{name}.html" for name in ("index", "summary", "dynamics")]
    wanted += ["results/report/answer.html", "results/report/base/pages.json", "results/report/pages.json"]
    wanted += ["results/manifests/base.sha256", *(f"results/figures/base/{figure}.json" for figure in FIGURES)]
    figures = [f"{folder}{figure}" for folder in ("base/", "") for figure in FIGURES]
    wanted += [f"results/figures/{figure}.{kind}" for figure in figures for kind in ("pdf", "png")]
    wanted += [f"results/figures/base/{figure}.svg" for figure in FIGURES] + ["results/figures/replication.svg"]
    missing = [path for path in wanted if not (trained.folder / path).is_file()]
    assert missing == []


def test_the_data_dictionary_describes_every_column_of_every_table_and_no_other(trained):
    assert described_paths(trained.folder) == sorted(trained.folder.glob("results/**/*.parquet"))


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_of_the_data_dictionary_have_answers(trained, monkeypatch, query):
    monkeypatch.chdir(trained.folder)
    rows = duckdb.sql(query.sql.format(study="base")).fetchall()
    assert len(rows) > 1
    assert all(value is not None for row in rows for value in row[:3])


def test_nothing_else_is_left_among_the_results(trained):
    found = {path.parent.relative_to(trained.folder).as_posix() for path in trained.folder.glob("results/cells/**/*.*")}
    left = [path.name for path in trained.folder.glob("results/**/*") if path.name.startswith(".")]
    assert found == set(FOLDERS)
    assert left == []
    assert list(trained.folder.glob("results/**/progress.json")) == []


def test_another_run_on_another_number_of_cores_gives_the_same_bytes(trained, make_clone, tiny):
    """Every table, record, page and figure, and all weights; times are kept apart."""
    again = make_clone("again", STUDIES)
    again.configure("tiny.yaml", tiny)
    again.snakemake("--cores", "1", "--configfile", "tiny.yaml")
    first, second = (
        {
            path.relative_to(clone.folder).as_posix(): path.read_bytes()
            for path in sorted((clone.folder / "results").rglob("*"))
            if path.suffix in SAME and path.name not in ("timing.json", "archive.json")
        }
        for clone in (trained, again)
    )
    assert first.keys() == second.keys()
    assert [name for name, content in first.items() if second[name] != content] == []


def test_what_the_workflow_has_made_is_verified(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.folder)
    with pytest.raises(SystemExit) as caught:
        run_command("verify")
    assert caught.value.code == 0, capsys.readouterr().out


def test_a_damaged_figure_is_found_although_its_manifest_is_made_again(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained.folder)
    figure = Path("results/figures/tradeoff.png")
    before = figure.read_bytes()
    figure.write_bytes(before[:-1] + b"x")
    try:
        manifest = ("--forcerun", "manifest", "--", "results/manifests/base.sha256")
        trained.snakemake("--configfile", "tiny.yaml", *manifest)
        with pytest.raises(SystemExit) as caught:
            run_command("verify")
    finally:
        figure.write_bytes(before)
    said = capsys.readouterr().out
    assert (caught.value.code, said.count("damaged  ")) == (6, 1)
    assert f"rm {figure} && snakemake --cores all {figure}" in said


def test_a_second_run_has_nothing_to_do(counted_again):
    assert counted_again() == NOTHING


def test_touching_the_source_does_nothing(trained, counted_again):
    for path in (trained.folder / "src/capacity").rglob("*.py"):
        path.touch()
    assert counted_again() == NOTHING


def test_a_comment_in_the_source_does_nothing(trained, counted_again):
    with edited(trained.folder / "src/capacity/model/transformer.py", "# A comment."):
        assert counted_again() == NOTHING


@pytest.mark.parametrize(
    ("module", "drawn"),
    [
        ("tradeoff", Counter(draw_tradeoff=1, figure_of_base=1) + OF_THE_PAGE),
        ("curves", Counter(draw_curves=3, figure_of_base=3)),
        ("answers", Counter(draw_answers=1, figure_of_base=1)),
        ("held_out_histories", Counter(draw_held_out_histories=1, figure_of_base=1)),
        ("dynamics", Counter(draw_dynamics=1, figure_of_base=1)),
        ("style", DRAWN + Counter(draw_replication=1) + OF_THE_PAGE),
    ],
)
def test_an_edit_to_the_code_of_a_figure_draws_it_again_and_nothing_else(trained, counted_again, module, drawn):
    with edited(trained.folder / f"src/capacity/figures/{module}.py"):
        assert counted_again() == drawn + Counter(manifest=1)


def test_an_edit_to_the_dynamics_makes_their_tables_and_figure_again(trained, counted_again):
    with edited(trained.folder / "src/capacity/tables/dynamics.py"):
        again = Counter(dynamics=3, draw_dynamics=1, figure_of_base=1, findings=1, manifest=1)
        assert counted_again() == again + OF_THE_PAGE


def test_an_edit_to_a_figure_and_one_to_the_page_that_shows_it_are_both_seen(trained, counted_again):
    """Snakemake looks for changed code only in jobs that depend on no other job that it makes again."""
    of_figure, of_page = (trained.folder / "src/capacity" / each for each in ("figures/tradeoff.py", "studies/page.py"))
    with edited(of_figure), edited(of_page):
        assert counted_again() == Counter(draw_tradeoff=1, figure_of_base=1, manifest=1) + OF_THE_PAGE


def test_an_edit_to_the_tables_trains_and_evaluates_nothing(trained, counted_again):
    with edited(trained.folder / "src/capacity/tables/runs.py"):
        assert counted_again() == HISTORIES + TABULATED


def test_an_edit_to_the_verdicts_judges_again_and_nothing_else(trained, counted_again):
    with edited(trained.folder / "src/capacity/claims/conditions.py"):
        assert counted_again() == Counter(claims=1, findings=1, methods=1, explorer=1, **REPORTED)


def test_an_edit_to_the_prose_of_the_findings_writes_them_again_and_nothing_else(trained, counted_again):
    with edited(trained.folder / "src/capacity/findings/findings.md.j2"):
        assert counted_again() == Counter(findings=1, **REPORTED)


def test_an_edit_to_the_prose_of_the_methods_writes_them_again_and_nothing_else(trained, counted_again):
    with edited(trained.folder / "src/capacity/findings/methods.md.j2"):
        assert counted_again() == Counter(methods=1, explorer=1, **REPORTED)


def test_an_edit_to_the_model_trains_everything_again(trained, counted_again):
    with edited(trained.folder / "src/capacity/model/transformer.py"):
        assert counted_again() == Counter(train=4, evaluate=4) + HISTORIES + TABULATED


def test_an_edit_to_the_schema_of_an_evaluation_trains_nothing(trained, counted_again):
    with edited(trained.folder / "src/capacity/storage/evaluation.schema.yaml"):
        assert counted_again() == Counter(evaluate=4) + TABULATED


@pytest.mark.parametrize("module", ["status", "plan", "table_plan", "workflow", "resources"])
def test_an_edit_to_what_decides_no_number_does_nothing(trained, counted_again, module):
    with edited(trained.folder / f"src/capacity/experiment/{module}.py"):
        assert counted_again() == NOTHING


@pytest.mark.parametrize(
    ("task", "size", "shape"), [("facts", "n14", "n14"), ("facts", "tiny", "l2h2d8m2"), ("joint", "n14", "n14")]
)
def test_other_iterations_train_just_the_cells_they_apply_to(trained, asked_again, tiny, task, size, shape):
    changed = cells_of(tiny, where={"task": [task], "size": [size]}, set={"iterations": 9})
    jobs = asked_again(trained.configure(f"{task}-{size}.yaml", changed))
    cell = f"results/cells/task={task}/size={shape}/variant=batch-8_evaluation_interval-3_iterations-9"
    assert trained_folders(jobs) == {f"{cell}/seeds=0_1337"}
    assert costly(jobs) == Counter(train=1, evaluate=1)


def test_one_more_seed_trains_just_that_seed(trained, asked_again, tiny):
    jobs = asked_again(trained.configure("seeds.yaml", cells_of(tiny, seeds=[1337, 0, 5])))
    assert trained_folders(jobs) == {f"results/cells/{cell}/seeds=5" for cell in CELLS}
    assert Counter(job.rule for job in jobs) == PLANS + Counter(train=4, evaluate=4) + HISTORIES + TABULATED


def test_fewer_seeds_train_nothing(trained, counted_again, tiny):
    assert counted_again(trained.configure("fewer.yaml", cells_of(tiny, seeds=[0]))) == PLANS + HISTORIES + TABULATED


def test_another_study_with_the_same_cells_trains_nothing(trained, counted_again, tiny):
    again = copy.deepcopy(tiny)
    again["studies"]["again"] = {"title": "The same", "grids": [{"task": ["joint"], "size": ["n14"]}]}
    settings = trained.configure("again.yaml", again)
    expected = Counter(plan=1, tabulate=1, histories=1, draw_curves=1)
    assert counted_again(settings, "--", "results/figures/again/joint.pdf") == expected


def test_another_seeds_per_job_keeps_what_is_trained(trained, counted_again, tiny):
    narrower = copy.deepcopy(tiny)
    narrower["budgets"]["laptop"]["seeds_per_job"] = 1
    assert counted_again(trained.configure("narrower.yaml", narrower)) == NOTHING


def test_a_study_beside_it_and_settings_that_change_no_cell_make_no_table_again(trained, counted_again, tiny):
    more = copy.deepcopy(tiny)
    more["studies"]["more"] = {"title": "More", "grids": [{"task": ["joint"], "size": ["tiny"]}]}
    more["budgets"]["laptop"]["cells"].append({"where": {"size": ["mlt"]}, "set": {"iterations": 9}})
    more["snapshots"] = {"seconds": 9, "updates": 0}
    assert counted_again(trained.configure("more.yaml", more)) == NOTHING


def test_another_title_trains_nothing_and_is_told_to_the_tables_and_figures_that_show_it(trained, counted_again, tiny):
    other = copy.deepcopy(tiny)
    other["studies"]["base"]["title"] = "Another title"
    again = counted_again(trained.configure("title.yaml", other))
    assert not {"train", "evaluate", "corpus"} & set(again)
    assert (again["plan"], again["tabulate"], again["draw_tradeoff"]) == (4, 4, 1)


def test_the_status_shows_the_run_whatever_its_configuration_file_was(trained, capsys, asked_again, tiny):
    asked_again(trained.configure("seeds.yaml", cells_of(tiny, seeds=[1337, 0, 5])))
    run_command("status", "--root", trained.folder)
    assert "0 running, 0 waiting, 0 trained, 4 done" in capsys.readouterr().out


def test_more_cores_change_nothing(counted_again):
    assert counted_again("--cores", "7") == NOTHING


def test_a_clone_may_move(trained, tiny):
    elsewhere = trained.folder.parent / "moved to another place"
    shutil.move(trained.folder, elsewhere)
    try:
        assert replace(trained, folder=elsewhere).counts("--configfile", "tiny.yaml") == NOTHING
    finally:
        shutil.move(elsewhere, trained.folder)


def test_jobs_run_under_the_python_of_snakemake(trained):
    """The path leads to a ``python`` that fails, so that they ran at all shows that they took another."""
    versions = [json.loads((trained.folder / folder / "run.json").read_text())["versions"] for folder in FOLDERS]
    assert {found["python"] for found in versions} == {platform.python_version()}


def test_a_lost_figure_comes_back_byte_for_byte(trained):
    paths = [
        trained.folder / f"results/figures/{folder}tradeoff.{kind}"
        for kind in ("pdf", "png")
        for folder in ("", "base/")
    ]
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    trained.snakemake("results/figures/tradeoff.pdf", "--configfile", "tiny.yaml")
    assert [path.read_bytes() for path in paths] == before


def test_the_report_holds_every_figure_with_its_caption(report):
    assert [figure for figure in FIGURES if f"{figure}.svg" not in report] == []
    title = html.escape(TITLE).replace("&quot;", '\\"')
    for words in (
        f"{title}. Against the number of parameters, on a logarithmic axis",
        f"{title}. Over the updates of training, one panel per size",
        f"{title}: one row per cell",
        f"{title}: the updates after which runs fit what they see",
        f"{title}. During training, for each cell with arithmetic: the evaluations",
        f"{title}. For each cell with arithmetic, all sums and differences",
        "iterations 6 (paper: 30000)",
        "summary, all endpoints (CSV, to download)",
        "made under the budget",
    ):
        assert words in report.replace("\\n", " ").replace("\n", " ")


# Every caption is put into the page as the report does it, and what the title has made there is looked for.
PROBE = """(() => {
    const captions = Object.values(results).map(result => {
        const shown = document.createElement("div");
        shown.innerHTML = result.caption;
        document.body.appendChild(shown);
        const made = [...shown.querySelectorAll("*")].map(each => each.tagName.toLowerCase());
        const links = [...shown.querySelectorAll("[href], [src], [id]")].map(each => each.outerHTML);
        return {text: shown.textContent, made: [...new Set(made)].sort(), links: links};
    });
    return {
        title: document.title,
        owned: String(window.owned),
        scripts: document.scripts.length,
        app: document.querySelector("#app").textContent,
        captions: captions,
        params: Object.values(results).map(result => result.job_properties.params),
    };
})()"""


def test_a_title_is_text_in_a_browser(report, tmp_path):
    """Wherever it comes in the report: in captions, and in the parameters of jobs, which the report has in a script."""
    told = browser.answers(report, tmp_path, PROBE)
    assert (told["title"], told["owned"]) == ("Snakemake Report", "undefined")
    assert "Small Transformers are pre-trained" in told["app"]
    bearing = [caption for caption in told["captions"] if TITLE in " ".join(caption["text"].split())]
    assert len(bearing) >= len(FIGURES)
    assert {element for caption in told["captions"] for element in caption["made"]} <= CAPTION_ELEMENTS
    assert [link for caption in told["captions"] for link in caption["links"]] == []
    assert [params for params in told["params"] if "owned" in params] != []
    assert [params for params in told["params"] if "<" in params] == []


PAGES = {
    "Findings": ("the answer in short", "findings", "methods"),
    "Studies": (("base", "question and answer"), ("Other", "laboratory")),
    "Tables": (
        *(("base", name) for name in ("summary", "dynamics")),
        *(("against the paper", name) for name in ("replication", "verdicts on the paper's claims")),
    ),
}
"""The pages that the menu of the report leads to, with the folders that they are in."""
ALL_ARE_OBJECTS = """Object.values(results).every(
    result => result.mime_type !== "text/html" || result.data_uri.startsWith("blob:")
)"""


@pytest.fixture(scope="module")
def opened(report, trained, tmp_path_factory):
    """The report in a browser, as it opens."""
    folder = tmp_path_factory.mktemp("opened report")
    (folder / "report.html").write_text(report, encoding="utf-8")
    with chromium.open_page(folder / "profile") as page:
        page.resize(1400)
        page.open(folder / "report.html")
        page.wait("document.querySelector('.answer') !== null")
        page.wait(ALL_ARE_OBJECTS)
        yield page


def choose_result(opened, category, *labels):
    """Go through the menu of the report to a result, and return the selector of its row."""
    opened.value("app.setView({navbarMode: 'menu'})")
    for words in (category, *labels[:-1]):
        opened.wait(
            f"[...document.querySelectorAll('nav li a')].some(each => each.textContent === {json.dumps(words)})"
        )
        opened.click_words("nav li a", words)
    row = (
        f"[...document.querySelectorAll('nav tr')].find(each => each.cells[0].textContent === {json.dumps(labels[-1])})"
    )
    opened.wait(f"Boolean({row})")
    opened.value(
        f"document.querySelectorAll('nav tr').forEach(each => each.toggleAttribute('data-row', each === {row}))"
    )
    return "nav tr[data-row]"


def test_the_report_opens_on_the_answer(opened):
    assert opened.value("document.querySelectorAll('.answer h1 ~ .front p').length") >= 3
    assert opened.text(".answer p").startswith("Of the paper's 8 claims, ")
    assert opened.value("document.querySelectorAll('.answer li .verdict').length") == 8
    assert opened.value("document.querySelector('.answer img').naturalWidth") > 100
    places = [f"document.querySelector('{each}').getBoundingClientRect()" for each in (".answer", "#rulegraph")]
    assert opened.value(f"{places[0]}.bottom < {places[1]}.top") is True
    assert opened.value(f"{places[0]}.top") >= 0


def test_every_page_of_the_report_opens_in_it_by_a_click(opened):
    addresses = set()
    for category, pages in PAGES.items():
        for labels in pages:
            row = choose_result(opened, category, *([labels] if isinstance(labels, str) else labels))
            opened.click(f"{row} a")
            opened.wait("document.querySelector('iframe[src^=\"blob:\"]') !== null")
            opened.wait_inside("document.readyState === 'complete' && document.querySelector('h1') !== null")
            assert opened.value_inside("document.querySelectorAll('script, b[id]').length") == 0
            if labels[0] == "base":
                assert TITLE in opened.value_inside("document.body.textContent")
            addresses.add(opened.value("document.querySelector('iframe').src"))
    assert len(addresses) == sum(map(len, PAGES.values()))
    assert opened.value("String(window.owned)") == "undefined"


def test_the_explorer_opens_in_the_report_by_a_click(opened):
    opened.value("app.setView({content: 'rulegraph'})")
    opened.click_words(".openings a", "Ask the networks yourself")
    opened.wait("document.querySelector('iframe[src^=\"blob:\"]') !== null")
    opened.wait_inside("Boolean(window.explorer)")
    assert opened.value_inside("explorer.data.runs.length") == len(CELLS) * 2
    assert opened.value_inside("document.querySelector('#studies').textContent").count(TITLE) >= 1


def test_a_figure_is_shown_in_the_report_with_its_caption_beside_it(opened):
    row = choose_result(opened, "Figures", "base", "tradeoff")
    opened.click(f"{row} a")
    opened.wait("document.querySelector('.captioned img[src^=\"data:image/svg+xml\"]')?.naturalWidth > 100")
    assert "Against the number of parameters" in " ".join(opened.text(".captioned .prose").split())
    assert TITLE in opened.value("document.querySelector('.captioned .prose').textContent")
    figure, caption = (
        f"document.querySelector('.captioned {each}').getBoundingClientRect()" for each in ("img", ".prose")
    )
    opened.wait(f"{figure}.right <= {caption}.left && {caption}.top < {figure}.bottom")


def test_on_a_narrow_screen_a_figure_has_the_whole_width_and_its_caption_below(opened):
    opened.resize(400)
    try:
        choose_result(opened, "Figures", "base", "tradeoff")
        opened.click("nav tr[data-row] a")
        opened.wait("document.querySelector('.captioned img')?.getBoundingClientRect().width > 300")
        figure, caption = (
            f"document.querySelector('.captioned {each}').getBoundingClientRect()" for each in ("img", ".prose")
        )
        opened.wait(f"{figure}.bottom <= {caption}.top")
    finally:
        opened.resize(1400)


def test_a_report_as_zip_shows_the_same(trained, tmp_path):
    trained.snakemake("--report", "report.zip", "--configfile", "tiny.yaml")
    shutil.unpack_archive(trained.folder / "report.zip", tmp_path)
    with chromium.open_page(tmp_path / "profile") as page:
        page.resize(1400)
        page.open(tmp_path / "report/report.html")
        page.wait("document.querySelector('.answer img')?.naturalWidth > 100")
        row = choose_result(page, "Figures", "base", "tradeoff")
        page.click(f"{row} a")
        page.wait("document.querySelector('.captioned img[src^=\"data/\"]')?.naturalWidth > 100")
        assert "Against the number of parameters" in " ".join(page.text(".captioned .prose").split())
        page.value("app.setView({content: 'rulegraph'})")
        page.click_words(".openings a", "Ask the networks yourself")
        page.wait("document.querySelector('iframe')?.src.endsWith('/explorer.html') === true")
        address = page.value("document.querySelector('iframe').src")
    assert Path(unquote(urlsplit(address).path)).read_bytes() == (trained.folder / "results/explorer.html").read_bytes()


def test_the_report_complains_of_nothing_and_asks_the_network_for_nothing(opened):
    """But for what Snakemake's own styles say of themselves."""
    assert [problem for problem in opened.problems if "cdn.tailwindcss.com" not in problem] == []
    assert {address.partition(":")[0] for address in opened.requests} <= {"file", "data", "blob"}


CAPTION_ELEMENTS = {"p", "ul", "li", "em", "strong", "div", "tt", "span"}


def test_the_scripts_of_the_report_are_those_of_a_report_with_a_plain_title(report):
    """By the rules of HTML for the text of a script, without a browser: no title ends one or begins another."""
    assert re.findall(r"<[^>]*owned[^>]*>", report) == []
    for script in re.findall(
        r'<script id="(?:results|rules|workflow-desc|categories)">\n(.*?)\n    </script>', report, re.S
    ):
        assert "<!--" not in script
        assert "<script" not in script.lower()
        json.loads(script.strip().partition(" = ")[2].removesuffix(";"))


def test_a_title_is_text_on_the_pages_of_tables(trained, tmp_path):
    """As the site makes them, in a browser."""
    for path in sorted((trained.folder / "results/tables/base").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        page = python_markdown.markdown(text, extensions=["tables", "attr_list", "toc"])
        question = """({
            heading: document.querySelector("h1").textContent,
            made: [...document.querySelectorAll("h1 *, script, b, a")].length,
            owned: String(window.owned),
        })"""
        told = browser.answers(f"<!doctype html><body>{page}", tmp_path, question)
        assert told["heading"].startswith(TITLE)
        assert (told["made"], told["owned"]) == (1, "undefined")  # the script that asks


def test_a_title_is_text_in_a_figure(trained):
    """Its letters can be searched in a PDF, on as many lines as it takes."""
    for figure in FIGURES:
        (page,) = pypdf.PdfReader(trained.folder / f"results/figures/base/{figure}.pdf").pages
        assert TITLE in " ".join(page.extract_text().split())


def test_the_report_loads_nothing_from_elsewhere(report):
    """Links are for a reader to follow; what a browser fetches by itself lies in the file, as data."""
    assert fetched_by_a_browser(report) == []


FETCHED = (
    '<script src="https://x.org/a.js"></script>',
    "<link rel='stylesheet' href='//x.org/a.css'>",
    '<img alt="" src="http://x.org/a.png">',
    '<iframe src="https://x.org"></iframe>',
    "<style>@import 'https://x.org/a.css';</style>",
    "<style>p {background: url(https://x.org/a.png)}</style>",
    '<script>fetch("https://x.org")</script>',
    '<script>new WebSocket("wss://x.org")</script>',
    '<script>import("https://x.org/a.js")</script>',
)


@pytest.mark.parametrize("page", FETCHED)
def test_the_search_for_what_a_browser_fetches_finds_it(page):
    assert fetched_by_a_browser(page)


def test_parquet_files_say_where_they_come_from(trained):
    paths = [*trained.folder.glob("results/**/*.parquet")]
    against_the_paper = ("replication", "claims", "claims_evidence")
    dynamics = 3 * 3  # dynamics, expressions and their histories: a study and two tasks
    of_jobs = 4 * len(FOLDERS)  # history, answers, operands and mechanism
    assert len(paths) == 3 + of_jobs + 3 * (1 + len(TASKS)) + len(against_the_paper) + dynamics
    for path in paths:
        provenance = json.loads(pq.read_metadata(path).metadata[b"provenance"])
        assert {"stage", "settings", "versions", "git_commit", "source_digest", "platform"} <= set(provenance), path
        assert len(provenance["source_digest"]) == 64


def test_a_run_is_recorded_with_its_settings_and_seeds(trained):
    for cell in CELLS:
        record = json.loads((trained.folder / f"results/cells/{cell}/seeds=0_1337/run.json").read_text())
        assert record["cell"] == cell
        assert record["seeds"] == [0, 1337]
        assert record["settings"]["iterations"] == 6
        assert record["device"] == "cpu"


def test_weights_load_and_say_whose_they_are(trained):
    for folder in FOLDERS:
        cell, seeds = folder.removeprefix("results/cells/").rsplit("/seeds=", 1)
        with safe_open(trained.folder / folder / "weights.safetensors", framework="numpy") as stored:
            assert json.loads(stored.metadata()["about"])["runs"] == f"{cell}/seeds={seeds}"
            assert {stored.get_tensor(name).shape[0] for name in stored.keys()} == {2}  # noqa: SIM118


def test_evaluations_fit_the_schema(trained):
    schema = evaluations.schema()
    for folder in FOLDERS:
        evaluation = json.loads((trained.folder / folder / "evaluation.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(evaluation)
        assert [run["seed"] for run in evaluation["runs"]] == [0, 1337]


def test_the_summary_has_one_row_per_cell_and_the_runs_one_per_seed(trained):
    with (trained.folder / "results/tables/base/summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["cell"] for row in rows) == sorted(CELLS)
    assert {row["n"] for row in rows} == {"2"}
    runs = pq.read_table(trained.folder / "results/tables/base/runs.parquet", columns=["cell", "seed"]).to_pylist()
    assert sorted((run["cell"], run["seed"]) for run in runs) == sorted((c, s) for c in CELLS for s in (0, 1337))
