// Charts as SVG. Every text is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

// Makes an element with attributes and children, which are elements or texts.
function element(name, attributes = {}, ...children) {
  const isDrawing = ["svg", "g", "circle", "rect", "line", "path", "text", "title"].includes(name);
  const made = isDrawing ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}

// A scale from values to places: linear, or logarithmic.
function scale([low, high], [from, to], logarithmic = false) {
  const of = logarithmic ? Math.log : value => value;
  const span = of(high) - of(low) || 1;
  return value => from + (to - from) * (of(value) - of(low)) / span;
}

const SHARES = [0, 0.25, 0.5, 0.75, 1];

// Round values between two bounds: 1, 2 and 5 times powers of ten.
function ticks(low, high, logarithmic = false) {
  if (logarithmic) {
    const all = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      all.push(...[1, 2, 5].map(each => each * 10 ** power));
    }
    const inside = all.filter(value => value >= low * 0.999 && value <= high * 1.001);
    return inside.length > 7 ? inside.filter(value => /^[^1-9]*1/.test(String(value))) : inside;
  }
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find(each => each * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, number) => (first + number) * step);
}

// The frame of a chart: axes with ticks and titles. Gives the SVG and the two scales.
function frame({ width, height, x, y, label }) {
  const margin = { left: 52, right: 16, top: 14, bottom: 40 };
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "chart" });
  const toX = scale(x.bounds, [margin.left, width - margin.right], x.logarithmic);
  const toY = scale(y.bounds, [height - margin.bottom, margin.top], y.logarithmic);
  const [bottom, right] = [height - margin.bottom, width - margin.right];
  for (const value of ticks(...x.bounds, x.logarithmic)) {
    svg.append(element("line", { x1: toX(value), x2: toX(value), y1: margin.top, y2: bottom, class: "rule" }));
    svg.append(element("text", { x: toX(value), y: bottom + 15, class: "tick middle" }, x.format(value)));
  }
  for (const value of y.ticks ?? ticks(...y.bounds, y.logarithmic)) {
    svg.append(element("line", { x1: margin.left, x2: right, y1: toY(value), y2: toY(value), class: "rule" }));
    svg.append(element("text", { x: margin.left - 6, y: toY(value) + 4, class: "tick end" }, y.format(value)));
  }
  svg.append(element("text", { x: (margin.left + right) / 2, y: height - 6, class: "axis middle" }, x.title));
  const middle = (margin.top + bottom) / 2;
  svg.append(element("text", { x: 12, y: middle, class: "axis middle", transform: `rotate(-90 12 ${middle})` }, y.title));
  return { svg, toX, toY, inside: { left: margin.left, right, top: margin.top, bottom } };
}

// Lines over training, with straight lines for floors and a cursor that can be moved.
//   lines: [{name, label, values}], over the values of x; floors: [{label, value}].
function lineChart({ iterations, lines, floors = [], y, label }) {
  const drawn = lines.filter(line => line.values.some(Number.isFinite));
  const x = { bounds: [0, Math.max(1, iterations.at(-1))], title: "updates", format: short };
  const { svg, toX, toY, inside } = frame({ width: 440, height: 220, x, y, label });
  const place = value => toY(Math.min(Math.max(value, y.bounds[0]), y.bounds[1]));
  for (const floor of floors) {
    svg.append(element("line", { x1: inside.left, x2: inside.right, y1: place(floor.value), y2: place(floor.value),
      class: "floor" }));
    svg.append(element("text", { x: inside.right, y: place(floor.value) - 4, class: "note end" }, floor.label));
  }
  for (const line of drawn) {
    const path = line.values.map((value, number) => (Number.isFinite(value)
      ? `${number && Number.isFinite(line.values[number - 1]) ? "L" : "M"}${toX(iterations[number]).toFixed(1)} ` +
        place(value).toFixed(1) : "")).join("");
    svg.append(element("path", { d: path, class: `line ${line.name}` }));
  }
  const cursor = element("line", { y1: inside.top, y2: inside.bottom, class: "cursor" });
  svg.append(cursor);
  const move = number => ["x1", "x2"].forEach(key => cursor.setAttribute(key, toX(iterations[number])));
  return { svg, move, drawn };
}

function legend(lines) {
  return element("p", { class: "legend" }, ...lines.map(line =>
    element("span", {}, element("span", { class: `swatch ${line.name}`, "aria-hidden": "true" }), line.label)));
}

// The ten digits, or other characters, in a plane.
function planeChart(points, label) {
  const bounds = key => {
    const values = points.map(point => point[key]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || 1) * 0.08;
    return [low - room, high + room];
  };
  const axis = (key, title) => ({ bounds: bounds(key), title, format: value => Number(value.toPrecision(2)) });
  const { svg, toX, toY } = frame({ width: 440, height: 300, x: axis("x", "first component"),
    y: axis("y", "second component"), label });
  for (const point of points) {
    svg.append(element("text", { x: toX(point.x), y: toY(point.y) + 5, class: "letter middle" }, point.character));
  }
  return svg;
}

// A table with a cell for each pair of operands: rows are left operands, columns right ones.
//   cellOf(left, right): {text, kind, isHeldOut, label} or undefined.
function operandGrid({ caption, sign, lefts, rights, cellOf }) {
  const head = element("tr", {}, element("td", { "aria-hidden": "true" }, sign),
    ...rights.map(right => element("th", { scope: "col" }, String(right))));
  const body = lefts.map(left => element("tr", {}, element("th", { scope: "row" }, String(left)),
    ...rights.map(right => {
      const cell = cellOf(left, right);
      return element("td", cell ? { class: `${cell.kind}${cell.isHeldOut ? " held-out" : ""}`, title: cell.label } : {},
        ...(cell ? [element("span", { "aria-hidden": "true" }, cell.text),
          element("span", { class: "unseen" }, cell.label)] : []));
    })));
  return element("table", { class: "grid" }, element("caption", {}, caption), element("thead", {}, head),
    element("tbody", {}, ...body));
}

function short(value) {
  if (value >= 1e6) {
    return `${Number((value / 1e6).toPrecision(3))}M`;
  }
  return value >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

function percent(value) {
  return value === null || value === undefined ? "–" : `${Number((100 * value).toFixed(1))} %`;
}
