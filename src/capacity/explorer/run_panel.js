// One chosen run: its numbers, its training, its grids, and the network itself, which answers.

const LINES = [
  { name: "seen", label: "seen expressions" },
  { name: "held_out", label: "held-out expressions" },
  { name: "facts", label: "facts" },
  { name: "combined", label: "all questions" },
];

const BETWEEN_PAUSES = 50; // milliseconds, in which the page does nothing but ask

function runLabel(run) {
  return `${data.cells[run.cell].label}, seed ${run.seed}`;
}

// The text of a choice, which says so where none of its runs can be asked.
function withoutWeights(text, runs) {
  return runs.some(run => run.weights) ? text : `${text} (not to be asked here)`;
}

// Fills a panel, whose parts are elements with a data-part. Gives `show(run)` and the run that is shown.
function runPanel(root, onShow) {
  const part = name => root.querySelector(`[data-part="${name}"]`);
  const panel = { run: undefined, show };
  const byCell = Map.groupBy(data.runs, run => run.cell);
  part("cell").append(...[...byCell].map(([cell, runs]) =>
    element("option", { value: cell }, withoutWeights(data.cells[cell].label, runs))));
  part("cell").addEventListener("change", () => {
    const runs = byCell.get(part("cell").value);
    const askable = runs.filter(run => run.weights);
    const choice = askable.length ? askable : runs;
    show(choice.find(run => run.seed === panel.run.seed) ?? choice[0]);
  });
  part("seed").addEventListener("change", () =>
    show(byCell.get(part("cell").value).find(run => String(run.seed) === part("seed").value)));
  part("slider").addEventListener("input", showEvaluation);
  part("ask").addEventListener("submit", event => {
    event.preventDefault();
    showAnswer();
  });
  part("layer").addEventListener("change", showAttention);
  part("ask-all").addEventListener("click", askAll);
  let network;
  let charts = [];
  let answer;
  let generation = 0; // of the run that is shown: what was computed for another one is thrown away
  return panel;

  function show(run) {
    generation += 1;
    panel.run = run;
    const cell = data.cells[run.cell];
    network = run.weights ? networkOf(run) : undefined;
    part("cell").value = run.cell;
    part("seed").replaceChildren(...byCell.get(run.cell).map(each =>
      element("option", { value: String(each.seed) }, withoutWeights(String(each.seed), [each]))));
    part("seed").value = String(run.seed);
    showFacts(run, cell);
    showHistory(run, cell);
    showAsking(cell);
    showEmbeddings();
    onShow();
  }

  function showFacts(run, cell) {
    const { order_known, order_unknown } = cell.floors;
    const facts = [
      ["parameters", cell.parameters.toLocaleString("en")],
      ["held-out expressions right", percent(run.held_out)],
      ["seen expressions right", percent(run.seen)],
      ["facts recalled", percent(run.facts)],
      ["loss at the end", run.loss === null ? "not finite: the run diverged" : `${short(run.loss)} nats per character`],
      ["lowest loss, order of the lines unknown", order_unknown === null ? "–" : short(order_unknown)],
      ["lowest loss, order known", order_known === null ? "–" : short(order_known)],
      ["studies", run.studies.join(", ")],
      ["departs from the paper", cell.departs || "in nothing"],
      ["cell", run.cell],
      ["trained by", run.origin],
    ].filter(([, value]) => value !== "–");
    part("facts").replaceChildren(...facts.flatMap(([name, value]) =>
      [element("dt", {}, name), element("dd", {}, value)]));
  }

  function showHistory(run, cell) {
    const { history } = run;
    charts = [];
    part("training").hidden = !history;
    part("no-training").hidden = Boolean(history);
    if (!history) {
      return;
    }
    const iterations = cell.evaluated;
    const finite = history.loss.filter(Number.isFinite);
    const floors = [["order unknown", cell.floors.order_unknown], ["order known", cell.floors.order_known]]
      .filter(([, value]) => value > 0).map(([label, value]) => ({ label: `lowest, ${label}`, value }));
    const values = [...finite, ...floors.map(floor => floor.value)].filter(value => value > 0);
    const bounds = [Math.min(...values) * 0.85, Math.max(...values) * 1.1];
    charts.push(lineChart({ iterations, lines: [{ name: "loss", label: "loss", values: history.loss }], floors,
      y: { bounds, logarithmic: true, title: "nats per character", format: short },
      label: `Loss over training of ${runLabel(run)}, with its floors` }));
    const scores = LINES.filter(({ name }) => history[name]).map(line => ({ ...line, values: history[line.name] }));
    charts.push(lineChart({ iterations, lines: scores, y: { bounds: [0, 1], title: "share right", format: percent, ticks: SHARES },
      label: `Scores over training of ${runLabel(run)}` }));
    part("loss").replaceChildren(charts[0].svg);
    part("scores").replaceChildren(charts[1].svg, legend(scores));
    part("slider").max = iterations.length - 1;
    part("slider").value = iterations.length - 1;
    showEvaluation();
  }

  function showEvaluation() {
    const { run } = panel;
    const cell = data.cells[run.cell];
    const number = Number(part("slider").value);
    charts.forEach(chart => chart.move(number));
    const said = [`After ${cell.evaluated[number].toLocaleString("en")} updates`,
      `loss ${Number.isFinite(run.history.loss[number]) ? short(run.history.loss[number]) : "not finite"}`,
      ...LINES.filter(({ name }) => run.history[name])
        .map(({ name, label }) => `${label} ${percent(run.history[name][number])}`)];
    part("readout").textContent = said.join("; ");
    part("slider").setAttribute("aria-valuetext", said.join("; "));
    const shownGrids = run.answered ? grids(cell, (_, line) => {
      const right = rightAt(run, line, number);
      return { text: right ? "●" : "×", kind: right ? "right" : "wrong", label: right ? "right" : "wrong" };
    }) : [];
    part("grids").replaceChildren(...shownGrids);
    part("key").hidden = !shownGrids.length;
  }

  function showAsking(cell) {
    const corpus = data.corpora[cell.corpus];
    part("asking").hidden = !network;
    part("no-asking").hidden = Boolean(network);
    part("no-asking").textContent = panel.run.loss === null
      ? "This run diverged: its weights are no numbers, so it cannot be asked."
      : `The weights of this network are not in this page: ${data.left_out.weights} ${askableSeeds()}`;
    if (!network) {
      return;
    }
    const heldOut = new Set(corpus.held_out);
    const examples = [...corpus.held_out.slice(0, 2), ...corpus.lines.filter(each => !heldOut.has(each))
      .filter((_, number, all) => number === 34 % all.length || number === all.length - 3)];
    part("examples").replaceChildren(...[...new Set(examples)].map(number => {
      const prompt = data.lines[number].prompts[0];
      const button = element("button", { type: "button" }, prompt);
      button.addEventListener("click", () => {
        part("prompt").value = prompt;
        showAnswer();
      });
      return button;
    }));
    if (!part("prompt").value || Array.from(part("prompt").value).some(each => !network.characters.includes(each))) {
      part("prompt").value = data.lines[examples[0]].prompts[0];
    }
    part("live-grids").replaceChildren();
    part("ask-all").hidden = !grids(cell, () => undefined).length;
    showAnswer();
  }

  function showAnswer() {
    const prompt = part("prompt").value;
    part("error").textContent = "";
    part("answer").hidden = false;
    try {
      answer = ask(network, prompt);
    } catch (error) {
      part("error").textContent = error.message;
      part("answer").hidden = true;
      return;
    }
    part("continuation").replaceChildren(element("span", {}, spaced(prompt)), element("mark", {}, spaced(answer.text)));
    const line = lineOf(data.corpora[data.cells[panel.run.cell].corpus], prompt);
    const right = line && isRight(line, answer.text);
    part("verdict").className = right === undefined ? "" : right ? "right" : "wrong";
    part("verdict").textContent = line === undefined ? "No line of its corpus asks this, so no answer is right or wrong."
      : `${right === undefined ? "" : right ? "Right. " : "Wrong. "}The right answer is ${line.answer}, ` +
        `${line.isHeldOut ? "held out: the network has never seen it" : "seen in training"}.`;
    part("steps").replaceChildren(...answer.steps.map(({ probabilities }, number) => element("tr", {},
      element("th", { scope: "row" }, String(number + 1)), ...probabilities.slice(0, 4).map(({ character, share }) =>
        shaded(share, element("td", {}, element("b", {}, shown(character)), ` ${percent(share)}`))))));
    const { attention } = forward(network.parameters, encode(network, attended()), network.heads);
    const options = attention.flatMap((heads, layer) => heads.map((_, head) => [layer, head]));
    const before = part("layer").value;
    part("layer").replaceChildren(...options.map(([layer, head]) => element("option", { value: `${layer} ${head}` },
      `layer ${layer + 1}${attention[0].length > 1 ? `, head ${head + 1}` : ""}`)));
    part("layer").value = options.some(pair => pair.join(" ") === before) ? before : "0 0";
    part("layer").disabled = options.length === 1;
    showAttention();
  }

  // What the network reads when it says the last character but the end of the line.
  function attended() {
    return (answer.prompt + answer.text.replace(/\s+$/, "")).slice(-network.block);
  }

  function showAttention() {
    const text = attended();
    const [layer, head] = part("layer").value.split(" ").map(Number);
    const weights = forward(network.parameters, encode(network, text), network.heads).attention[layer][head];
    const characters = Array.from(text);
    part("attention").replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), ...characters.map(each =>
        element("th", { scope: "col" }, shown(each))))),
      element("tbody", {}, ...characters.map((character, row) => element("tr", {},
        element("th", { scope: "row" }, shown(character)), ...characters.map((_, column) => {
          const share = weights.values[row * weights.columns + column];
          return column > row ? element("td") : shaded(share, element("td", { title: percent(share) },
            element("span", { class: "unseen" }, percent(share))));
        })))));
  }

  // Which seeds of the network that is shown have their weights in this page, in a sentence.
  function askableSeeds() {
    const seeds = byCell.get(panel.run.cell).filter(run => run.weights).map(run => run.seed);
    return seeds.length ? `Of this network it has seed ${seeds.join(", ")}.` : "It has no other seed of this network.";
  }

  async function askAll() {
    const mine = generation;
    const cell = data.cells[panel.run.cell];
    const answers = new Map();
    const asked = [...expressionsOf(cell).keys()];
    let shownAt = performance.now();
    for (const [number, each] of asked.entries()) {
      answers.set(each, ask(network, data.lines[each].prompts[0], 8).text);
      if (performance.now() - shownAt > BETWEEN_PAUSES) {
        part("progress").textContent = `${number + 1} of ${asked.length} expressions`;
        await new Promise(resolve => setTimeout(resolve));
        if (mine !== generation) {
          return;
        }
        shownAt = performance.now();
      }
    }
    const right = asked.filter(each => isRight(data.lines[each], answers.get(each))).length;
    part("progress").textContent = `${right} of ${asked.length} expressions are right.`;
    part("live-grids").replaceChildren(...grids(cell, (line, number) => {
      const said = /^[^>\s]*/.exec(answers.get(number))[0];
      const isTrue = isRight(line, answers.get(number));
      return { text: said || "?", kind: isTrue ? "right" : "wrong",
        label: `says ${said || "nothing"}, ${isTrue ? "right" : `wrong: ${line.answer}`}` };
    }));
  }

  function showEmbeddings() {
    const digits = network?.characters.filter(each => /[0-9]/.test(each)) ?? [];
    part("embeddings").hidden = digits.length < 3;
    if (digits.length >= 3) {
      const { points, shares } = principalComponents(network, digits);
      const said = `The two axes hold ${percent(shares[0] + shares[1])} of the variance of these embeddings.`;
      part("plane").replaceChildren(planeChart(points, `Embeddings of the digits of ${runLabel(panel.run)}. ${said}`),
        element("p", {}, said));
    }
  }

  // A grid for each operation; `cellOf(line, number)` gives what a cell shows of a line and its number.
  function grids(cell, cellOf) {
    const heldOut = new Set(data.corpora[cell.corpus].held_out);
    const byOperation = Map.groupBy(expressionsOf(cell).keys(), each => data.lines[each].operation);
    return [...byOperation].map(([operation, numbers]) => {
      const byOperands = new Map(numbers.map(each => [data.lines[each].operands.join(), each]));
      const [lefts, rights] = [0, 1].map(side => [...new Set(numbers.map(each => data.lines[each].operands[side]))]);
      const sign = { addition: "+", subtraction: "−" }[operation] ?? "";
      return operandGrid({ caption: operation, sign, lefts, rights, cellOf: (left, right) => {
        const number = byOperands.get([left, right].join());
        const made = number === undefined ? undefined : cellOf(data.lines[number], number);
        const isHeldOut = heldOut.has(number);
        const name = `${left} ${sign || operation} ${right}${isHeldOut ? ", held out" : ""}`;
        return made && { ...made, isHeldOut, label: `${name}: ${made.label}` };
      } });
    });
  }
}

// The numbers of the lines of a cell that are expressions, in the order of the corpus, each with its place among them.
function expressionsOf(cell) {
  const corpus = data.corpora[cell.corpus];
  corpus.expressions ??= new Map(corpus.lines.filter(each => data.lines[each].operands)
    .map((each, place) => [each, place]));
  return corpus.expressions;
}

// Whether a run answers a line right at an evaluation. The bits of an expression follow each other over training, and
// the expressions are in the order of the corpus.
function rightAt(run, line, number) {
  const cell = data.cells[run.cell];
  run.bits ??= Uint8Array.from(atob(run.answered), character => character.charCodeAt(0));
  const place = expressionsOf(cell).get(line) * cell.evaluated.length + number;
  return Boolean(run.bits[place >> 3] & (128 >> (place & 7)));
}

// An element whose background is as dark as a share is large.
function shaded(share, made) {
  made.style.setProperty("--share", share);
  return made;
}

// A text whose end of the line can be seen.
function spaced(text) {
  return text.replace(/\n/g, "⏎");
}
