// A chart of the table of a result: bars, a line or points, of columns that the reader chooses.
import { barX, dot, gridX, gridY, lineY, plot, ruleX, ruleY } from "@observablehq/plot";

const MOST_BARS = 50;
const COLOURS = ["#12436d", "#28a197", "#801650", "#f46a25", "#3d3d3d", "#a285d1"];
const SHORT_NUMBER = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const KINDS = { bars: "Bars", line: "Line", points: "Points" };

export function drawChart(table, place) {
  const columns = readColumns(table);
  const numbers = columns.filter((column) => column.type === "number");
  if (numbers.length === 0) {
    place.append(paragraph("There is no column of numbers to draw."));
    return;
  }
  const choices = makeChoices(columns, numbers);
  const figure = document.createElement("figure");
  figure.className = "chart";
  const draw = () => figure.replaceChildren(...picture(columns, choices, place.clientWidth));
  choices.box.addEventListener("change", draw);
  place.append(choices.box, figure);
  draw();
}

function readColumns(table) {
  const rows = [...table.tBodies[0].rows];
  return [...table.tHead.rows[0].cells].map((head, place) => {
    const cells = rows.map((row) => row.cells[place]);
    return { name: head.textContent, ...values(cells) };
  });
}

function values(cells) {
  const texts = cells.map((cell) => cell.textContent.trim());
  const exact = cells.map((cell) => cell.dataset.value ?? "");
  const isNumeric = cells.map((cell) => cell.classList.contains("govuk-table__cell--numeric"));
  const filled = cells.map((_, row) => row).filter((row) => texts[row] !== "");
  if (filled.length === 0) return { type: "text", values: texts };
  if (filled.every((row) => isNumeric[row])) {
    return { type: "number", values: exact.map((text) => (text === "" ? NaN : Number(text))) };
  }
  const isMoment = filled.every((row) => /^\d{4}(-\d\d){0,2}$/.test(exact[row]));
  return isMoment
    ? { type: "time", values: exact.map((text) => (text === "" ? null : new Date(text))), texts }
    : { type: "text", values: texts };
}

function makeChoices(columns, numbers) {
  const across = columns.find(({ type }) => type === "time") ?? mostNaming(columns) ?? numbers[0];
  const up = numbers.find((column) => column !== across) ?? numbers[0];
  const kind = across.type === "time" ? "line" : across.type === "number" ? "points" : "bars";
  const box = document.createElement("fieldset");
  box.className = "govuk-fieldset chart-choices";
  const legend = document.createElement("legend");
  legend.className = "govuk-fieldset__legend govuk-fieldset__legend--s";
  legend.textContent = "Chart";
  const names = (list) => list.map(({ name }) => [name, name]);
  const selects = {
    kind: choice("kind", "Drawn as", Object.entries(KINDS), kind),
    x: choice("x", "For each", names(columns), across.name),
    y: choice("y", "Figures", names(numbers), up.name),
    colour: choice("colour", "Colour by", [["", "Nothing"], ...names(columns.filter(({ type }) => type === "text"))], ""),
  };
  box.append(legend, ...Object.values(selects).map(({ group }) => group));
  const column = (name) => columns.find((one) => one.name === selects[name].select.value);
  return { box, kind: () => selects.kind.select.value, x: () => column("x"), y: () => column("y"), colour: () => column("colour") };
}

// The column of text with most values that differ; of two such, the later: names follow what they name.
function mostNaming(columns) {
  const counts = columns.filter(({ type }) => type === "text").map((column) => [new Set(column.values).size, column]);
  const most = Math.max(...counts.map(([count]) => count));
  return counts.findLast(([count]) => count === most)?.[1];
}

function choice(id, text, options, chosen) {
  const group = document.createElement("div");
  group.className = "govuk-form-group";
  const label = document.createElement("label");
  label.className = "govuk-label";
  label.htmlFor = `chart-${id}`;
  label.textContent = text;
  const select = document.createElement("select");
  select.className = "govuk-select";
  select.id = label.htmlFor;
  for (const [value, name] of options) select.append(new Option(name, value, false, value === chosen));
  group.append(label, select);
  return { group, select };
}

function picture(columns, choices, width) {
  const [x, y, colour, kind] = [choices.x(), choices.y(), choices.colour(), choices.kind()];
  let rows = x.values.map((value, row) => ({ x: value, y: y.values[row], colour: colour?.values[row] }));
  rows = rows.filter((row) => Number.isFinite(row.y) && row.x !== null && row.x !== "");
  const notes = [];
  if (kind === "bars") {
    const bars = [...new Set(rows.map((row) => String(row.x)))];
    const kept = new Set(bars.slice(0, MOST_BARS));
    rows = rows.map((row) => ({ ...row, x: x.type === "time" ? x.texts[x.values.indexOf(row.x)] : String(row.x) }));
    if (bars.length > MOST_BARS) {
      rows = rows.filter((row) => kept.has(row.x) || x.type === "time");
      notes.push(`The first ${MOST_BARS} of ${bars.length} are drawn.`);
    }
  }
  const title = `${y.name} for each ${x.name}${colour ? `, by ${colour.name}` : ""}`;
  const caption = document.createElement("figcaption");
  caption.className = "govuk-body-s";
  caption.textContent = [`${title}.`, ...notes, "The same figures are in the table below."].join(" ");
  return [caption, drawn(kind, rows, { x, y, colour, width, title })];
}

function drawn(kind, rows, { x, y, colour, width, title }) {
  const options = {
    width: Math.max(width, 260),
    ariaLabel: `${KINDS[kind]}: ${title}`,
    color: { range: COLOURS, legend: Boolean(colour) && kind !== "points" },
    ...(colour && kind === "points" ? { symbol: { legend: true } } : {}),
    ...(kind === "bars" ? barOptions(rows, y, width) : axisOptions(x, y)),
    marks: marks(kind, rows, colour),
  };
  const made = plot(options);
  const pictures = made.tagName === "svg" ? [made] : [...made.querySelectorAll("svg")];
  for (const one of pictures) if (!one.hasAttribute("aria-label")) one.setAttribute("aria-hidden", "true");
  const main = made.tagName === "svg" ? made : made.querySelector("svg[aria-label]");
  main?.setAttribute("role", "img");
  made.querySelectorAll("g[aria-label]").forEach((group) => group.removeAttribute("aria-label"));
  made.querySelectorAll("style").forEach((style) => style.remove()); // the site's style sheet has these rules
  return made;
}

function barOptions(rows, y, width) {
  const longest = Math.max(...rows.map((row) => row.x.length), 1);
  const count = new Set(rows.map((row) => row.x)).size;
  return {
    x: { label: y.name, tickFormat: short, labelOffset: 38, ticks: Math.max(2, Math.min(8, Math.floor(width / 120))) },
    y: { label: null, domain: [...new Set(rows.map((row) => row.x))] },
    marginLeft: Math.min(longest * 8 + 15, width * 0.45),
    marginBottom: 45,
    height: count * 28 + 65,
  };
}

function axisOptions(x, y) {
  const isText = x.type === "text"; // names are too long to stand side by side
  return {
    x: { label: x.name, ...(isText ? { domain: [...new Set(x.values)], tickRotate: -60, label: null } : {}) },
    y: { label: y.name, tickFormat: short, nice: true },
    marginLeft: isText ? 75 : 55,
    ...(isText ? { marginBottom: 130, height: 450 } : {}),
  };
}

function marks(kind, rows, colour) {
  const fill = colour ? "colour" : COLOURS[0];
  if (kind === "bars") return [gridX(), barX(rows, { x: "y", y: "x", fill }), ruleX([0])];
  if (kind === "line") return [gridY(), ruleY([0]), lineY(rows, { x: "x", y: "y", stroke: fill, strokeWidth: 2 }), dot(rows, { x: "x", y: "y", fill, r: 3 })];
  return [gridY(), dot(rows, { x: "x", y: "y", fill, r: 4, ...(colour ? { symbol: "colour" } : {}) })];
}

function short(number) {
  return SHORT_NUMBER.format(number);
}

function paragraph(text) {
  const made = document.createElement("p");
  made.className = "govuk-body";
  made.textContent = text;
  return made;
}
