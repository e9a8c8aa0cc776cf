// The trade-off: every run a point, which filters leave in and a click or a key chooses.

const MEASURES = {
  held_out: { title: "held-out expressions right at the end", format: percent, bounds: [0, 1], ticks: SHARES },
  seen: { title: "seen expressions right at the end", format: percent, bounds: [0, 1], ticks: SHARES },
  facts: { title: "facts recalled at the end", format: percent, bounds: [0, 1], ticks: SHARES },
  loss: { title: "loss at the end (nats per character)", format: short, logarithmic: true },
};

// Places points that would lie on each other beside each other: gives a shift to the left or right for each.
function swarm(places, step, most) {
  const counts = new Map();
  return places.map(place => {
    const key = place.map(Math.round).join();
    const number = counts.get(key) ?? 0;
    counts.set(key, number + 1);
    const perRow = 2 * most + 1;
    const column = number % perRow;
    return { x: step * Math.ceil(column / 2) * (column % 2 ? 1 : -1), y: -step * Math.floor(number / perRow) };
  });
}

// Fills the section of the trade-off. Calls `choose(run)` when a point is chosen.
function tradeoffSection(root, choose) {
  const filters = [...root.querySelectorAll("select[data-filter]")];
  const measure = root.querySelector("#measure");
  const plot = root.querySelector("#tradeoff-plot");
  const count = root.querySelector("#tradeoff-count");
  const valuesOf = {
    study: run => run.studies,
    task: run => [data.cells[run.cell].task],
    stream: run => [data.cells[run.cell].stream],
    learning_rate: run => [data.cells[run.cell].learning_rate],
  };
  for (const filter of filters) {
    const values = [...new Set(data.runs.flatMap(valuesOf[filter.dataset.filter]))];
    values.sort((one, other) => (typeof one === "number" ? one - other : 0));
    filter.append(element("option", { value: "" }, "all"),
      ...values.map(value => element("option", { value: String(value) }, String(value))));
    filter.addEventListener("change", draw);
  }
  measure.append(...Object.entries(MEASURES)
    .filter(([name]) => data.runs.some(run => Number.isFinite(run[name])))
    .map(([name, { title }]) => element("option", { value: name }, title)));
  measure.addEventListener("change", draw);
  plot.addEventListener("keydown", onKey);
  plot.addEventListener("focus", () => activate(active ?? 0));
  plot.addEventListener("blur", () => plot.querySelector(".active")?.classList.remove("active"));
  let shownRuns = [];
  let active;
  let marked = {};
  let drawnWidth = 0;
  new ResizeObserver(() => widthOfPlot() === drawnWidth || draw()).observe(plot);
  draw();
  return { mark };

  // Text keeps its size on a narrow screen, because the plot is drawn as wide as it is shown.
  function widthOfPlot() {
    return Math.round(Math.min(900, Math.max(320, plot.clientWidth || 900)) / 20) * 20;
  }

  function draw() {
    const of = MEASURES[measure.value];
    const chosen = data.runs.filter(run => filters.every(({ value, dataset }) =>
      value === "" || valuesOf[dataset.filter](run).map(String).includes(value)));
    const parametersOf = run => data.cells[run.cell].parameters;
    shownRuns = chosen.filter(run => Number.isFinite(run[measure.value])).sort((one, other) =>
      parametersOf(one) - parametersOf(other) || one[measure.value] - other[measure.value]);
    const without = chosen.length - shownRuns.length;
    count.textContent = `${shownRuns.length} of ${data.runs.length} runs are shown` +
      `${without ? `; ${without} of those chosen have no such value` : ""}.`;
    active = undefined;
    drawnWidth = widthOfPlot();
    plot.replaceChildren();
    plot.removeAttribute("aria-activedescendant");
    if (!shownRuns.length) {
      plot.append(element("p", {}, "No run is left. Set a filter to “all”."));
      return;
    }
    const values = shownRuns.map(run => run[measure.value]);
    const sizes = shownRuns.map(parametersOf);
    const y = { ...of, bounds: of.bounds ?? [Math.min(...values) * 0.9, Math.max(...values) * 1.1] };
    const x = { bounds: [Math.min(...sizes) * 0.8, Math.max(...sizes) * 1.25], logarithmic: true, format: short,
      title: "parameters" };
    const { svg, toX, toY } = frame({ width: widthOfPlot(), height: 380, x, y, label: "" });
    svg.removeAttribute("role");
    svg.removeAttribute("aria-label");
    svg.setAttribute("aria-hidden", "false");
    const places = shownRuns.map(run => [toX(parametersOf(run)), toY(run[measure.value])]);
    const isNarrow = drawnWidth < 600;
    const shifts = swarm(places, isNarrow ? 5 : 8, isNarrow ? 2 : 3);
    shownRuns.forEach((run, number) => {
      const [left, top] = places[number];
      const up = top < 60 ? -1 : 1; // points of a full share hang down from the upper edge
      const point = element("circle", { id: `run-${number}`, cx: left + shifts[number].x, cy: top + up * shifts[number].y,
        r: isNarrow ? 4 : 5, class: `point task-${data.tasks.indexOf(data.cells[run.cell].task) % 3}`, role: "option",
        "aria-selected": "false", "aria-label": `${runLabel(run)}: ${parametersOf(run)} parameters, ` +
        `${of.title}: ${of.format(run[measure.value])}` }, element("title", {}, runLabel(run)));
      point.addEventListener("click", () => choose(run));
      svg.append(point);
    });
    plot.append(svg, legend(data.tasks.map((task, number) => ({ name: `task-${number % 3}`, label: task }))));
    mark(marked);
  }

  // Rings the runs of the two sides.
  function mark(sides) {
    marked = sides;
    plot.querySelectorAll(".ring").forEach(each => each.remove());
    plot.querySelectorAll("circle.point").forEach(each => each.setAttribute("aria-selected", "false"));
    for (const [side, run] of Object.entries(sides)) {
      const point = plot.querySelector(`#run-${shownRuns.indexOf(run)}`);
      if (point) {
        point.setAttribute("aria-selected", "true");
        const at = { x: Number(point.getAttribute("cx")), y: Number(point.getAttribute("cy")) };
        point.parentNode.append(element("circle", { cx: at.x, cy: at.y, r: 9, class: "ring" }),
          element("text", { x: at.x + 11, y: at.y + (at.y < 40 ? 18 : -8), class: "ring" }, side));
      }
    }
  }

  function onKey(event) {
    const steps = { ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, ArrowUp: 1, PageDown: 10, PageUp: -10 };
    if (!shownRuns.length) {
      return;
    }
    if (event.key in steps) {
      activate((active ?? 0) + steps[event.key]);
    } else if (event.key === "Home" || event.key === "End") {
      activate(event.key === "Home" ? 0 : shownRuns.length - 1);
    } else if (event.key === "Enter" || event.key === " ") {
      choose(shownRuns[active ?? 0]);
    } else {
      return;
    }
    event.preventDefault();
  }

  function activate(number) {
    if (!shownRuns.length) {
      return;
    }
    active = Math.min(Math.max(number, 0), shownRuns.length - 1);
    plot.querySelector(".active")?.classList.remove("active");
    plot.querySelector(`#run-${active}`).classList.add("active");
    plot.setAttribute("aria-activedescendant", `run-${active}`);
    count.textContent = plot.querySelector(`#run-${active}`).getAttribute("aria-label");
  }
}
