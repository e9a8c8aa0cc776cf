"""A study with figures of its own, from the configuration alone: drawn, drawn again, and refused."""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

import pypdf
import pytest

from tests.support.clones import STUDIES
from tests.support.commands import run_command

STUDY: dict[str, Any] = {
    "title": "A study of our own",
    "grids": [
        {
            "task": ["arithmetic"],
            "size": ["n14", "tiny"],
            "learning_rate": [0.001, 0.01],
        },
        {"task": ["facts"], "size": ["n14"]},
    ],
    "figures": {
        "map": {"kind": "map", "measure": "seen", "x": "learning_rate", "y": "size"},
        "by-rate": {"kind": "lines", "measure": ["held-out", "seen"], "x": "learning_rate", "colour": "size"},
        "arms": {"kind": "dots", "measure": "time-to-fit", "x": "size"},
        "course": {"kind": "curves", "measure": "seen", "colour": "learning_rate"},
    },
}
NAMES = list(STUDY["figures"])
FIGURES = [f"results/studies/ours/{name}.pdf" for name in NAMES]
CONFIG = ("--configfile", "ours.yaml", "--config", "budget=few")


def configured(tiny, **changes):
    config = copy.deepcopy(tiny)
    config["studies"] = {"ours": copy.deepcopy(STUDY) | changes}
    config["budgets"] = {"few": {"run": ["ours"], **tiny["budgets"]["laptop"]}}
    return config


@pytest.fixture(scope="module")
def drawn(make_clone, tiny):
    """A clone in which the figures were drawn, and nothing else was asked for."""
    clone = make_clone("own figures", STUDIES)
    clone.configure("ours.yaml", configured(tiny))
    clone.snakemake(*FIGURES, *CONFIG)
    return clone


def counted(clone, config, *targets):
    """The jobs that another configuration makes of the figures or other targets."""
    clone.configure("other.yaml", config)
    options = ("--configfile", "other.yaml", "--config", "budget=few")
    return Counter(job.rule for job in clone.planned(*(targets or FIGURES), *options))


def test_every_figure_is_drawn_with_its_record_and_its_words_can_be_searched(drawn):
    for name in NAMES:
        folder = drawn.folder / "results/studies/ours"
        record = json.loads((folder / f"{name}.json").read_text())
        assert record["stage"] == "draw-measures"
        assert record["settings"]["title"] == STUDY["title"]
        assert f"--kind {STUDY['figures'][name]['kind']} " in record["settings"]["figure"]
        assert set(record["files"]) == {f"{name}.{kind}" for kind in ("pdf", "png", "svg")}
        (page,) = pypdf.PdfReader(folder / f"{name}.pdf").pages
        text = page.extract_text()
        assert STUDY["title"] in text
        assert "In every cell: arithmetic" in " ".join(text.split())
    (page,) = pypdf.PdfReader(drawn.folder / "results/studies/ours/by-rate.pdf").pages
    text = page.extract_text()
    for word in ("n14", "l2h2d8m2", "0.001", "0.01", "learning rate", "2 seeds"):
        assert word in text


def test_figures_of_expressions_train_no_facts(drawn):
    trained = {path.name for path in (drawn.folder / "results/cells").iterdir()}
    assert trained == {"task=arithmetic"}
    assert (drawn.folder / "results/tables/ours/arithmetic/dynamics.parquet").exists()


def test_nothing_is_drawn_twice(drawn, tiny):
    assert counted(drawn, configured(tiny)) == Counter()


def test_another_description_of_a_figure_draws_that_figure_again_and_nothing_else(drawn, tiny):
    changed = configured(tiny)
    changed["studies"]["ours"]["figures"]["map"]["measure"] = "held-out"
    assert counted(drawn, changed) == Counter(draw_measures=1)
    more = configured(tiny)
    more["studies"]["ours"]["figures"]["more"] = {"kind": "dots", "measure": "held-out", "x": "size"}
    assert counted(drawn, more) == Counter()
    assert counted(drawn, more, "results/studies/ours/more.pdf") == Counter(draw_measures=1)


def test_another_title_draws_every_figure_again_and_trains_nothing(drawn, tiny):
    again = counted(drawn, configured(tiny, title="Another"))
    assert again["draw_measures"] == len(FIGURES)
    assert not {"train", "evaluate", "corpus"} & set(again)


def test_everything_and_the_manifest_have_the_figures(drawn, tiny):
    for target in ("all", "figures"):
        jobs = drawn.planned(target, "--forceall", *CONFIG)
        made = {path for job in jobs for path in job.outputs}
        assert set(FIGURES) <= made
    jobs = drawn.planned("results/manifests/ours.sha256", "--forceall", *CONFIG)
    assert Counter(job.rule for job in jobs)["draw_measures"] == len(FIGURES)


def test_what_was_drawn_is_verified_against_the_configuration(drawn, tiny, monkeypatch, capsys):
    drawn.snakemake("results/manifests/ours.sha256", *CONFIG)
    listed = (drawn.folder / "results/manifests/ours.sha256").read_text()
    assert all(f"  studies/ours/{name}.{kind}\n" in listed for name in NAMES for kind in ("pdf", "png", "json"))
    monkeypatch.chdir(drawn.folder)
    with pytest.raises(SystemExit) as caught:
        run_command("verify")
    assert caught.value.code == 0, capsys.readouterr().out
    figure = drawn.folder / "results/studies/ours/map.png"
    before = figure.read_bytes()
    figure.write_bytes(before[:-1] + b"x")
    with pytest.raises(SystemExit) as caught:
        run_command("verify")
    figure.write_bytes(before)
    said = capsys.readouterr().out
    assert "damaged  results/studies/ours/map.png" in said
    assert "snakemake --cores all results/studies/ours/map.png" in said


def test_the_report_has_the_figures_with_captions(drawn):
    drawn.snakemake("--report", "report.html", *FIGURES, *CONFIG)
    report = (drawn.folder / "report.html").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"{name}.svg" in report
    assert "Drawn as the configuration says" in report
    assert "--kind map --measure seen --x learning_rate --y size" in report


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ({"kind": "pie", "measure": "seen"}, "studies.ours.figures.bad.kind: 'pie' is not known"),
        ({"kind": "dots", "measure": "sen", "x": "size"}, "did you mean 'seen'?"),
        ({"kind": "dots", "measure": "seen", "x": "dropout"}, "studies.ours.figures.bad.x: 'dropout' has one value"),
        ({"kind": "curves", "measure": "loss"}, "no place left for learning_rate"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused_before_any_job(drawn, tiny, figure, words):
    config = configured(tiny)
    config["studies"]["ours"]["figures"]["bad"] = figure
    drawn.configure("bad.yaml", config)
    said = drawn.snakemake("--dry-run", "all", "--configfile", "bad.yaml", "--config", "budget=few", succeeds=False)
    assert words in said
    assert "Traceback" not in said


def test_a_figure_that_there_is_not_is_refused_by_name(drawn):
    said = drawn.snakemake("--dry-run", "results/studies/ours/nosuch.pdf", *CONFIG, succeeds=False)
    assert "error: study 'ours' has no figure 'nosuch' under this budget; it has map, by-rate, arms, course" in said
