// The query page with an editor: completion, syntax, examples, running in place, chart, links and copies.
// Without this script the page is a plain form that does the same.
import { enhanceAnswer, showAnswer } from "./answer.mjs";
import { makeEditor } from "./editor.mjs";
import { exampleMenu } from "./examples.mjs";
import { say } from "./status.mjs";

const form = document.getElementById("query-form");
const runButton = form.querySelector("button[type=submit]");
const stopButton = makeStopButton();
const editor = makeEditor(form, run);
let running = null;

document.getElementById("run-long").remove();
form.after(document.getElementById("answer"));
document.getElementById("examples").hidden = true;
form.before(exampleMenu((query) => editor.setQuery(query)));
enhanceAnswer(editor);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
window.addEventListener("popstate", () => window.location.reload());

function makeStopButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "govuk-button govuk-button--warning";
  button.textContent = "Stop";
  button.hidden = true;
  button.addEventListener("click", () => running?.abort());
  runButton.after(button);
  return button;
}

async function run() {
  running?.abort();
  const control = new AbortController();
  running = control;
  const query = editor.query();
  const address = `/sparql?${new URLSearchParams({ query })}`;
  const isLong = address.length > Number(form.dataset.longest);
  setBusy(true);
  try {
    const answer = await ask(query, address, isLong, control.signal);
    if (control !== running) return;
    if (!isLong) window.history.pushState(null, "", address);
    showAnswer(answer, editor);
  } catch (error) {
    if (control === running) say(error.name === "AbortError" ? "The query was stopped." : `No answer: ${error.message}`);
  } finally {
    if (control === running) setBusy(false);
  }
}

function setBusy(isBusy) {
  document.getElementById("answer").setAttribute("aria-busy", String(isBusy));
  stopButton.hidden = !isBusy;
  if (isBusy) say("Running …");
}

// The answer is the page that the plain form would lead to.
async function ask(query, address, isLong, signal) {
  const headers = { Accept: "text/html" };
  const body = isLong ? new URLSearchParams({ query }) : undefined;
  const answer = await fetch(isLong ? "/sparql" : address, { method: isLong ? "POST" : "GET", headers, body, signal });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
