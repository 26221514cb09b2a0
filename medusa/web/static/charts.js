// Draws the curves of the page of charts from its table, in the page's colours.

// Each curve: its column of the table, and its colour. Memory and disk differ too much for one axis.
const SETS = [
  { title: "Bytes", of: { Fetched: [2, "--accent"], Uploaded: [3, "--waiting"], Posted: [4, "--paused"] }, show: bytes },
  { title: "Jobs", of: { Done: [0, "--accent"], Failed: [1, "--failed"] }, show: String, whole: true },
  { title: "Speed, bytes a second", of: { Fetching: [5, "--accent"], Uploading: [6, "--waiting"] }, show: bytes },
  { title: "Memory", of: { Memory: [7, "--accent"] }, show: bytes },
  { title: "Free disk", of: { "Free disk": [8, "--accent"] }, show: bytes },
];
let drawn = [];

function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) [value, at] = [value / 1000, at + 1];
  return `${value >= 10 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** What stands under a time: the hour within a day, else the date, or the month of a year. */
function labels(ticks, span) {
  const two = (number) => String(number).padStart(2, "0");
  return ticks.map((tick) => {
    const day = new Date(tick * 1000);
    if (span < 2 * 86400) return `${two(day.getHours())}:${two(day.getMinutes())}`;
    const date = `${two(day.getMonth() + 1)}-${two(day.getDate())}`;
    return span > 100 * 86400 ? `${day.getFullYear()}-${two(day.getMonth() + 1)}` : date;
  });
}

function draw() {
  const place = document.getElementById("charts");
  const rows = [...document.querySelectorAll("#points tbody tr")];
  if (!place || !rows.length) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const values = rows.map((row) => row.dataset.values.split(",").map((one) => (one === "" ? null : Number(one))));
  const times = rows.map((row) => Number(row.dataset.at));
  for (const one of drawn) one.destroy();
  drawn = [];
  place.replaceChildren();
  for (const { title, of, show, whole } of SETS) {
    const columns = Object.values(of).map(([column]) => values.map((row) => row[column]));
    if (columns.every((column) => column.every((one) => !one))) continue; // there is nothing to see
    const box = place.appendChild(document.createElement("div"));
    box.className = "chart card";
    box.appendChild(document.createElement("h2")).textContent = title;
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const series = Object.entries(of).map(([label, [, hue]]) => ({
      label, stroke: colour(hue), width: 2, spanGaps: true, points: { size: 5 }, value: (_, one) => (one === null || one === undefined ? "–" : show(one)),
    }));
    const span = times.at(-1) - times[0];
    const below = { ...axis, space: 80, values: (_, ticks) => labels(ticks, span) };
    drawn.push(new uPlot({
      width: box.clientWidth - 24, height: 200, cursor: { drag: { x: false, y: false } },
      series: [{ label: "From", value: (_, at) => (at === null ? "–" : labels([at], span)[0]) }, ...series], axes: [below, { ...axis, size: 66, values: (_, ticks) => ticks.map((tick) => (whole && !Number.isInteger(tick) ? "" : show(tick))) }],
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 0) > 0 ? high * 1.1 : 1] } },
    }, [times, ...columns], box));
  }
}

let waiting = null;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(draw, 200);
});
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
