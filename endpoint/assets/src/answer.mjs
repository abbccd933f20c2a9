// The answer below the editor: as the server wrote it, with buttons to copy and a chart.
import { say, sayUnseen } from "./status.mjs";

const NO_PAGE = "The service did not answer as expected.";

export function showAnswer(page, editor) {
  const place = document.getElementById("answer");
  const found = page.getElementById("answer");
  place.replaceChildren(...(found ? found.childNodes : [failure(page)]));
  const heading = document.querySelector("h1");
  heading.textContent = page.querySelector("h1")?.textContent ?? heading.textContent;
  document.title = page.title || document.title;
  enhanceAnswer(editor);
  place.scrollIntoView({ block: "nearest" });
  const summary = document.getElementById("result-summary");
  sayUnseen(summary ? `Result: ${summary.textContent.trim()}` : "The query was not answered.");
}

// A page without a result or error of its own, as when the service is busy.
function failure(page) {
  const box = document.createElement("div");
  box.className = "govuk-error-summary";
  box.id = "query-error";
  box.setAttribute("role", "alert");
  const title = document.createElement("h2");
  title.className = "govuk-error-summary__title";
  title.textContent = page.querySelector("h1")?.textContent ?? "No answer";
  const text = document.createElement("p");
  text.className = "govuk-body";
  text.textContent = page.querySelector("main p")?.textContent ?? NO_PAGE;
  box.append(title, text);
  return box;
}

export function enhanceAnswer(editor) {
  leadToMistake(editor);
  const result = document.getElementById("result");
  if (!result) return;
  addCopyButtons(result);
  addLinkButton();
  addChartButton();
  tellWhenStale(result, editor);
}

function leadToMistake(editor) {
  const link = document.querySelector("#query-error a");
  link?.addEventListener("click", (event) => {
    event.preventDefault();
    const [, line, column] = /line (\d+), column (\d+)/.exec(link.textContent) ?? [null, 1, 1];
    editor.goTo(Number(line), Number(column));
  });
}

function addCopyButtons(result) {
  for (const snippet of result.querySelectorAll(".snippet")) {
    const code = snippet.querySelector("pre");
    const name = snippet.querySelector("summary").textContent.trim();
    code.before(copyButton(`Copy ${name}`, () => code.textContent));
  }
}

function addLinkButton() {
  const link = document.getElementById("result-link");
  link?.parentElement.after(copyButton("Copy link", () => link.href));
}

function copyButton(text, content) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "govuk-button govuk-button--secondary copy-button";
  button.textContent = text;
  button.addEventListener("click", async () => {
    say((await copy(content())) ? `Copied: ${text.replace("Copy ", "")}` : "The browser does not allow copying.");
  });
  return button;
}

async function copy(text) {
  if (window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const area = document.createElement("textarea"); // pages without TLS have no clipboard of their own
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  return isDone;
}

function addChartButton() {
  const table = document.getElementById("result-table");
  if (!table) return;
  const place = document.createElement("div");
  place.id = "chart";
  place.hidden = true;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "govuk-button govuk-button--secondary";
  button.textContent = "Chart";
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", place.id);
  button.addEventListener("click", async () => {
    place.hidden = !place.hidden;
    button.setAttribute("aria-expanded", String(!place.hidden));
    if (place.hidden || place.hasChildNodes()) return;
    const { drawChart } = await import("./chart.mjs");
    drawChart(table, place);
  });
  table.parentElement.before(button, place);
}

function tellWhenStale(result, editor) {
  const note = document.createElement("p");
  note.className = "govuk-inset-text";
  note.textContent = "The query has changed since. Run it to have its result, downloads, link and programs here.";
  note.hidden = true;
  result.prepend(note);
  const asked = editor.query();
  editor.onChange(() => {
    note.hidden = editor.query() === asked;
  });
}
