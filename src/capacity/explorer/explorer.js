// The page: two panels, the trade-off that chooses their runs, and the colours.

let tradeoff;
const panels = {};
for (const root of document.querySelectorAll("article[data-side]")) {
  panels[root.dataset.side] = runPanel(root, markRuns);
}
tradeoff = tradeoffSection(document.querySelector("#tradeoff"), run => {
  const { value } = document.querySelector("input[name=side]:checked");
  panels[value].show(run);
  document.querySelector("#chosen").textContent = `${value} is now ${runLabel(run)}.`;
});
for (const [side, number] of Object.entries(data.first)) {
  panels[side].show(data.runs[number]);
}
document.querySelector("#colours").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const isDark = dataset.colours ? dataset.colours === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.colours = isDark ? "light" : "dark";
});
// A link to a claim or a study opens it.
document.querySelector("#verdicts").addEventListener("click", ({ target }) => {
  const details = target.hash && document.querySelector(`details#${CSS.escape(target.hash.slice(1))}`);
  if (details) {
    details.open = true;
  }
});
for (const each of document.querySelectorAll(".needs-script")) {
  each.hidden = false;
}

function markRuns() {
  tradeoff?.mark(Object.fromEntries(Object.entries(panels).map(([side, panel]) => [side, panel.run])));
}
