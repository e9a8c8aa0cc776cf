"""The page of the explorer as a reader's browser runs it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.explorer import content as explorer_content
from capacity.explorer.content import to_json
from capacity.model import transformer
from capacity.model.one_network import forward
from tests.support import colour_vision
from tests.support import handmade_explorer as handmade
from tests.support.chromium import open_page

A, B = 'article[data-side="A"]', 'article[data-side="B"]'
PROMPTS = 100


def part(side, name):
    return f'{side} [data-part="{name}"]'


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    path.write_text(handmade.handmade_page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def content():
    return handmade.handmade_content()


@pytest.fixture(scope="module")
def opened(page_file, tmp_path_factory):
    with open_page(tmp_path_factory.mktemp("profile")) as page:
        page.resize(1400)
        yield page


@pytest.fixture
def page(opened, page_file):
    """The page, opened anew, which complains about nothing and fetches nothing."""
    opened.requests.clear()
    opened.problems.clear()
    opened.open(page_file)
    opened.wait("Boolean(window.explorer)")
    yield opened
    opened.value("1")
    assert opened.problems == []
    assert opened.requests == [page_file.resolve().as_uri()]


def prompts_of(cell):
    """Prompts, and whole lines, each cut to what a network reads at a time."""
    lines = corpus.build(cell)
    texts = list(dict.fromkeys([line.prompt for line in lines] + [line.text for line in lines]))
    return [text[-cell.block :] for text in texts[:: max(1, len(texts) // PROMPTS)]][:PROMPTS]


@pytest.mark.parametrize("cell", handmade.CELLS, ids=lambda cell: f"{cell.task}-{cell.size.name}")
def test_logits_in_the_page_are_those_of_the_transformer_that_was_trained(page, cell):
    texts = prompts_of(cell)
    assert len(texts) == PROMPTS
    said = page.value(
        f"(() => {{ const run = explorer.data.runs.find(run => run.cell === {json.dumps(cell.name)}); "
        f"const network = explorer.networkOf(run); return {json.dumps(texts)}.map(text => "
        "explorer.logitsOf(network, text).map(row => Array.from(row))); })()"
    )
    stack = {name: torch.tensor(value[:1]) for name, value in handmade.parameters_of(cell).items()}
    vocabulary = corpus.vocabulary(corpus.build(cell))
    for text, rows in zip(texts, said, strict=True):
        logits = transformer.forward(stack, torch.tensor([[vocabulary.encode(text)]]), cell.size.heads)[0].T
        assert numpy.array(rows) == pytest.approx(logits.numpy(), abs=1e-4)


def test_the_page_begins_with_two_runs_that_can_be_asked(page, content):
    first = {side: content["runs"][number] for side, number in content["first"].items()}
    assert first["A"]["held_out"] == 1
    assert first["B"]["held_out"] == 0
    for side, run in first.items():
        assert page.value(f"explorer.panels.{side}.run.cell") == run["cell"]
        assert page.text(f"#title-{side}") == f"Run {side}"


def test_an_answer_is_that_of_the_network_with_its_probabilities(page):
    cell = handmade.CELLS[0]
    parameters = {name: value[0] for name, value in handmade.parameters_of(cell).items()}
    vocabulary = corpus.vocabulary(corpus.build(cell))
    page.choose(part(A, "cell"), cell.name)
    page.choose(part(A, "seed"), "1337")
    page.type(part(A, "prompt"), "<8-3=")
    page.press("Enter")
    reading = forward(parameters, vocabulary.encode("<8-3="), 1)
    shares = numpy.exp(reading.logits[-1]) / numpy.exp(reading.logits[-1]).sum()
    likeliest = vocabulary.characters[int(shares.argmax())]
    assert page.text(part(A, "continuation")).startswith(f"<8-3={likeliest}".replace("\n", "⏎"))
    shown = page.text(f"{part(A, 'steps')} td")
    assert float(re.search(r"([\d.]+) %", shown)[1]) == pytest.approx(100 * shares.max(), abs=0.06)
    assert "The right answer is 5, seen in training" in page.text(part(A, "verdict"))


def test_the_attention_is_that_of_the_layer_and_head_that_are_chosen(page):
    cell = handmade.CELLS[3]
    parameters = {name: value[0] for name, value in handmade.parameters_of(cell).items()}
    page.choose(part(A, "cell"), cell.name)
    page.choose(part(A, "seed"), "1337")
    page.choose(part(A, "layer"), "2 1")
    text = page.value(
        f"Array.from(document.querySelectorAll('{part(A, 'attention')} tbody th'), each => each.textContent)"
    )
    text = "".join(text).replace("␣", " ").replace("⏎", "\n")
    attention = forward(parameters, corpus.vocabulary(corpus.build(cell)).encode(text), 2).attention[2, 1]
    shown = page.value(f"Array.from(document.querySelectorAll('{part(A, 'attention')} td[title]'), each => each.title)")
    expected = attention[numpy.tri(len(text), dtype=bool)]
    assert [float(each.split()[0]) for each in shown] == pytest.approx(100 * expected, abs=0.06)
    assert page.value(f"document.querySelectorAll('{part(A, 'layer')} option').length") == 6


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("<5*7=", "trained without the character “*”"),
        ("", "Type at least one character"),
        ("<5+\u202e", "trained without the character U+202E"),
        ("<img src=x>", "trained without the character “i”"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(page, typed, said):
    page.type(part(A, "prompt"), typed)
    page.click(f"{A} form button")
    assert said in page.text(part(A, "error"))
    assert page.value(f"document.querySelector('{part(A, 'answer')}').hidden")
    page.type(part(A, "prompt"), "<1+1=")
    page.click(f"{A} form button")
    assert page.text(part(A, "error")) == ""


def test_an_example_is_asked_by_a_click(page):
    page.click(f"{part(B, 'examples')} button:nth-child(2)")
    prompt = page.text(f"{part(B, 'examples')} button:nth-child(2)")
    assert page.text(part(B, "continuation")).startswith(prompt)


def test_facts_are_asked_with_the_text_of_their_lines(page):
    page.choose(part(A, "cell"), handmade.CELLS[4].name)
    page.type(part(A, "prompt"), "Capital of France is ")
    page.press("Enter")
    assert "The right answer is Paris, seen in training" in page.text(part(A, "verdict"))
    assert page.value(f"document.querySelector('{part(A, 'embeddings')}').hidden")
    assert page.value(f"document.querySelector('{part(A, 'ask-all')}').hidden")


def test_every_expression_is_asked_in_the_page(page):
    page.click(part(A, "ask-all"))
    page.wait(f"document.querySelector('{part(A, 'progress')}').textContent.includes('are right')")
    run = page.value("({cell: explorer.panels.A.run.cell, seed: explorer.panels.A.run.seed})")
    grids = f"{part(A, 'live-grids')} table"
    assert page.value(f"document.querySelectorAll('{grids} tbody td').length") == 200
    assert page.value(f"document.querySelectorAll('{grids} td.held-out').length") == 4
    cell = next(each for each in handmade.CELLS if each.name == run["cell"])
    said = page.value(
        "(() => { const run = explorer.panels.A.run; return explorer.ask(explorer.networkOf(run), '<2+9=').text; })()"
    )
    shown = page.text(f"{grids}:first-child tbody tr:nth-child(3) td:nth-child(11) span")
    assert shown == (re.match(r"[^>\s]*", said)[0] or "?")
    assert cell.task == "arithmetic"


@pytest.mark.parametrize("number", range(len(handmade.EVALUATIONS)))
def test_the_slider_shows_what_was_right_at_an_evaluation(page, number):
    page.choose(part(B, "slider"), str(number))
    run = page.value("({cell: explorer.panels.B.run.cell, seed: explorer.panels.B.run.seed})")
    assert f"After {handmade.EVALUATIONS[number]} updates; loss {2.5 - 0.5 * number:g}; " in page.text(
        part(B, "readout")
    )
    grids = page.value(
        f"Array.from(document.querySelectorAll('{part(B, 'grids')} table'), table => Array.from("
        "table.querySelectorAll('tbody tr'), row => Array.from(row.querySelectorAll('td'), cell => "
        "cell.classList.contains('right'))))"
    )
    assert len(grids) == 2
    for grid in grids:
        for left, row in enumerate(grid):
            for right, is_right in enumerate(row):
                assert is_right == handmade.is_right_at(run["cell"], run["seed"], left, right, number)


def test_grids_of_larger_operands_have_every_expression(opened, tmp_path):
    file = tmp_path / "explorer.html"
    file.write_text(handmade.handmade_page(handmade.content_of_larger_operands()), encoding="utf-8")
    opened.open(file)
    opened.wait("Boolean(window.explorer)")
    assert "larger operands, up to 12" in opened.text("header")
    cell, side = handmade.LARGER_OPERANDS, 13
    opened.choose(part(A, "cell"), cell.name)
    opened.choose(part(A, "seed"), "2")
    opened.choose(part(A, "slider"), "2")
    shown = opened.value(
        f"Array.from(document.querySelectorAll('{part(A, 'grids')} table'), table => Array.from("
        "table.querySelectorAll('tbody td'), cell => [cell.classList.contains('right'), "
        "cell.classList.contains('held-out')]))"
    )
    expected = [
        [handmade.is_right_at(cell.name, 2, left, right, 2), tuple(sorted((left, right))) in cell.held_out]
        for left in range(side)
        for right in range(side)
    ]
    assert shown == [expected, expected]
    opened.click(part(A, "ask-all"))
    opened.wait(f"document.querySelector('{part(A, 'progress')}').textContent.includes('are right')")
    assert f"of {2 * side**2} expressions" in opened.text(part(A, "progress"))
    assert opened.value(f"document.querySelectorAll('{part(A, 'live-grids')} tbody td').length") == 2 * side**2
    opened.type(part(A, "prompt"), "<5-12=")
    opened.press("Enter")
    assert "The right answer is -7, held out" in opened.text(part(A, "verdict"))
    assert opened.value("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_click_on_a_point_chooses_the_run_of_the_side_that_is_checked(page):
    names = page.value("Array.from(document.querySelectorAll('circle.point'), each => each.getAttribute('aria-label'))")
    assert len(names) == 18  # arithmetic, joint, and the large network
    page.click("input[name=side][value=B]")
    before = page.value("explorer.panels.A.run.cell")
    page.click("#run-0")
    assert names[0].startswith(page.text("#chosen").removeprefix("B is now ").removesuffix("."))
    assert page.value("explorer.panels.A.run.cell") == before
    assert page.value("document.querySelector('#run-0').getAttribute('aria-selected')") == "true"


def test_a_point_is_chosen_from_the_keyboard(page):
    page.value("document.querySelector('#tradeoff-plot').scrollIntoView()")
    page.focus("#tradeoff-plot")
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.press(key)
    assert page.value("document.querySelector('#tradeoff-plot').getAttribute('aria-activedescendant')") == "run-2"
    label = page.value("document.querySelector('#run-2').getAttribute('aria-label')")
    assert page.text("#tradeoff-count") == label
    page.press("Enter")
    assert label.startswith(page.text("#chosen").removeprefix("A is now ").removesuffix("."))


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [("study", "large", 4), ("task", "joint", 8), ("stream", "reshuffled", 2), ("learning_rate", "0.003", 2)],
)
def test_a_filter_leaves_the_runs_that_it_names(page, name, value, left):
    page.choose(f"select[data-filter={name}]", value)
    assert page.value("document.querySelectorAll('circle.point').length") == left
    assert page.text("#tradeoff-count").startswith(f"{left} of 26 runs are shown")


def test_filters_that_leave_nothing_say_so(page):
    page.choose("select[data-filter=study]", "small")
    page.choose("select[data-filter=stream]", "reshuffled")
    assert "No run is left" in page.text("#tradeoff-plot")


@pytest.mark.parametrize(("measure", "points"), [("seen", 18), ("facts", 16), ("loss", 25)])
def test_another_measure_is_shown(page, measure, points):
    page.choose("#measure", measure)
    assert page.value("document.querySelectorAll('circle.point').length") == points


def test_a_run_whose_weights_are_not_in_the_page_says_so(page):
    page.choose(part(A, "cell"), handmade.LARGE.name)
    assert "The weights of this network are not in this page: This page has the weights of 23 of 26 runs" in page.text(
        part(A, "no-asking")
    )
    assert page.value(f"document.querySelector('{part(A, 'asking')}').hidden")
    cells = page.value(
        f"[...document.querySelectorAll('{part(A, 'cell')} option')].map(each => [each.value, each.text])"
    )
    assert [name for name, text in cells if text.endswith(" (not to be asked here)")] == [handmade.LARGE.name]
    seeds = page.value(f"[...document.querySelectorAll('{part(A, 'seed')} option')].map(each => each.text)")
    assert seeds
    assert [text for text in seeds if not text.endswith(" (not to be asked here)")] == []


def test_of_a_network_a_seed_is_chosen_that_can_be_asked_and_the_others_name_it(page):
    one, other = handmade.CELLS[:2]
    run = f"explorer.data.runs.find(run => run.cell === {json.dumps(one.name)} && run.seed === 2)"
    page.value(f"void ({run}.weights = undefined)")
    page.choose(part(A, "cell"), other.name)
    page.choose(part(A, "seed"), "2")
    page.choose(part(A, "cell"), one.name)
    assert page.value("explorer.panels.A.run.seed") == 1337
    assert page.value(f"document.querySelector('{part(A, 'no-asking')}').hidden")
    page.choose(part(A, "seed"), "2")
    assert page.text(part(A, "no-asking")).endswith("Of this network it has seed 1337.")
    page.choose(part(A, "cell"), handmade.LARGE.name)
    assert page.text(part(A, "no-asking")).endswith("It has no other seed of this network.")


def test_a_run_that_diverged_says_so(page):
    cell, seed = handmade.DIVERGED
    page.choose(part(A, "cell"), cell)
    page.choose(part(A, "seed"), str(seed))
    assert page.text(part(A, "no-asking")).startswith("This run diverged")
    assert "not finite: the run diverged" in page.text(part(A, "facts"))


def test_the_digits_lie_where_their_first_two_principal_components_put_them(page):
    cell = handmade.CELLS[0]
    page.choose(part(A, "cell"), cell.name)
    page.choose(part(A, "seed"), "1337")
    told = page.value(
        "explorer.principalComponents(explorer.networkOf(explorer.panels.A.run), Array.from('0123456789'))"
    )
    characters = corpus.vocabulary(corpus.build(cell)).characters
    rows = handmade.parameters_of(cell)["token_embedding"][0][[characters.index(digit) for digit in "0123456789"]]
    centred = (rows - rows.mean(0)).astype(float)
    left, values, _ = numpy.linalg.svd(centred, full_matrices=False)
    places = numpy.array([[point["x"], point["y"]] for point in told["points"]])
    assert numpy.abs(places) == pytest.approx(numpy.abs(left[:, :2] * values[:2]), abs=1e-4)
    assert told["shares"] == pytest.approx((values**2 / (values**2).sum())[:2], abs=1e-6)


def test_titles_claims_and_methods_are_text(page):
    assert page.value("String(window.owned)") == "undefined"
    assert page.value("document.querySelectorAll('script, img, b').length") == page.value(
        "document.querySelectorAll('script').length + document.querySelectorAll('main b').length"
    )
    assert page.value("document.querySelectorAll('script').length") == 2
    assert handmade.HOSTILE in page.text("#studies summary")
    assert f"It is replicated. {handmade.HOSTILE}" in page.text("#claims details")
    assert page.text("#claims em") == "replicated"
    assert (
        page.value("document.querySelectorAll('.cards li').length") == 2
    )  # the claim with runs, and the study's answer
    assert handmade.HOSTILE in " ".join(page.text("#methods").split())
    assert page.value("document.querySelectorAll('#methods a').length") == 0
    assert page.value("document.querySelector('#methods h3').textContent") == "Methods"
    assert handmade.HOSTILE in page.text(part(A, "facts"))


@pytest.mark.parametrize("name", ["claim-C1", "study-small"])
def test_a_verdict_leads_to_what_it_rests_on(page, name):
    assert not page.value(f"document.querySelector('#{name}').open")
    page.click(f".cards a[href='#{name}']")
    assert page.value(f"document.querySelector('#{name}').open")


def test_colours_follow_the_system_and_the_button(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    page.prefer("dark")
    dark = page.value(paper)
    page.prefer("light")
    light = page.value(paper)
    assert dark != light
    page.click("#colours")
    assert page.value(paper) == dark
    page.click("#colours")
    assert page.value(paper) == light


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_sticks_out_of_a_wide_or_a_narrow_window(page, width):
    page.resize(width)
    try:
        page.wait("document.querySelector('#tradeoff-plot svg') !== null")
        page.value("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert page.value("document.documentElement.scrollWidth") <= width
        smallest = page.value(
            "Math.min(...Array.from(document.querySelectorAll('#tradeoff-plot text'), "
            "each => each.getBoundingClientRect().height).filter(height => height > 0))"
        )
        assert smallest > 8
    finally:
        page.resize(1400)


def test_every_control_has_a_name_for_a_screen_reader(page):
    names = page.accessible_names()
    controls = [name for role, name in names if role in ("button", "combobox", "textbox", "slider", "radio", "listbox")]
    assert len(controls) > 20
    assert "" not in controls
    headings = [name for role, name in names if role == "heading"]
    assert headings[:3] == ["Too Big to Think: ask the networks yourself", "What came out", "The trade-off"]
    assert any(name.startswith("Loss over training of") for role, name in names if role in ("image", "img"))


def test_the_page_allows_nothing_but_what_it_holds(page_file):
    text = page_file.read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert (
        re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']*["']""", re.sub(r"<script.*?</script>", "", text, flags=re.S))
        == []
    )


def test_json_in_a_script_ends_no_script():
    text = to_json({"title": handmade.HOSTILE, "line": "\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"title": handmade.HOSTILE, "line": "\u2028"}


def test_weights_in_the_page_are_the_float32_numbers_of_the_network(content):
    run = content["runs"][0]
    numbers = numpy.frombuffer(base64.b64decode(run["weights"]), "<f4")
    stack = handmade.parameters_of(handmade.CELLS[0])
    expected = numpy.concatenate([value[0].ravel() for value in stack.values()])
    assert sorted(numbers) == sorted(expected)
    assert len(numbers) == sum(rows * columns for _, rows, columns in content["cells"][run["cell"]]["shapes"])


def test_where_there_is_little_room_the_page_has_small_networks_and_says_what_is_left_out(monkeypatch):
    monkeypatch.setattr(explorer_content, "ROOM_FOR_WEIGHTS", 60_000)
    monkeypatch.setattr(explorer_content, "ROOM_FOR_TRAINING", 3_000)
    little = handmade.handmade_content()
    weights = [len(run["weights"]) for run in little["runs"] if "weights" in run]
    assert 40_000 < sum(weights) <= 60_000
    held = {(run["cell"], run["seed"]) for run in little["runs"] if "weights" in run}
    assert (handmade.CELLS[0].name, 1337) in held
    assert not held.intersection((cell.name, seed) for cell in handmade.CELLS[2::4] for seed in handmade.SEEDS)  # n56
    assert little["left_out"]["weights"].startswith(f"This page has the weights of {len(weights)} of 26 runs: ")
    trained = [run for run in little["runs"] if "history" in run]
    assert 0 < len(trained) < 26
    assert little["left_out"]["training"].startswith(f"This page has the training of {len(trained)} of 26 runs: ")


@pytest.mark.parametrize(
    "damage",
    [lambda table: table.iloc[1:], lambda table: table.assign(answered=table["answered"].str[:-1])],
    ids=["an expression is missing", "an evaluation is missing"],
)
def test_tables_that_do_not_fit_each_other_are_refused_by_cell_and_seed(damage):
    tables = handmade.tables_of(handmade.CELLS[:1])
    wrong = replace(tables, expression_histories=damage(tables.expression_histories))
    with pytest.raises(InputError, match=rf"has not every expression .* of {handmade.CELLS[0].name}, seed 1337"):
        explorer_content.content({"small": wrong}, [], handmade.RandomStacks())


def test_a_run_of_two_studies_is_there_once_with_both(content):
    shared = [run for run in content["runs"] if run["cell"] == handmade.CELLS[0].name]
    assert [(run["seed"], run["studies"]) for run in shared] == [(seed, ["small", "large"]) for seed in handmade.SEEDS]


STYLES = (Path(explorer_content.__file__).parent / "style.css").read_text("utf-8")
PALETTES = [
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r"\{[^{}]*--paper:[^{}]*\}", STYLES)
]


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark by the system", "dark by the button"])
def test_the_colours_of_the_explorer_are_told_apart_and_read_by_everybody(palette):
    for vision in colour_vision.VISIONS:
        assert colour_vision.nearest([palette[name] for name in ("one", "two", "three", "ink")], vision)[0] > 15
        assert colour_vision.nearest([palette[name] for name in ("right", "wrong", "paper")], vision)[0] > 8
    for ink, ground in [
        ("ink", "paper"),
        ("soft", "paper"),
        ("link", "paper"),
        ("right-ink", "right"),
        ("wrong-ink", "wrong"),
    ]:
        assert colour_vision.contrast(palette[ink], palette[ground]) >= 4.5
