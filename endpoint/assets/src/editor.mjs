// The editor itself: YASGUI's, in place of the text area, which keeps the text for the plain form.
import Yasqe from "@zazuko/yasqe";
import { completeFromRelease } from "./completion.mjs";
import { checkSyntax } from "./syntax.mjs";

const HINT =
  "Press Ctrl and Space to complete a name, Ctrl and Enter to run the query. The Tab key leaves the editor.";

export function makeEditor(form, run) {
  const area = form.querySelector("textarea");
  const place = document.createElement("div");
  place.className = "query-editor";
  area.before(hintLine(), place);
  area.hidden = true;
  Yasqe.defaults.autocompleters = []; // its own ask other sites
  const yasqe = new Yasqe(place, options(area.value, run));
  label(form, yasqe);
  const base = form.dataset.base;
  completeFromRelease(yasqe, base);
  yasqe.checkSyntax = () => checkSyntax(yasqe, problem);
  const problem = syntaxLine();
  place.after(problem);
  yasqe.checkSyntax();
  yasqe.on("change", () => {
    area.value = yasqe.getValue();
    form.dispatchEvent(new Event("querychange"));
  });
  return {
    query: () => yasqe.getValue(),
    setQuery: (text) => {
      yasqe.setValue(text);
      yasqe.focus();
    },
    goTo: (line, column) => {
      yasqe.focus();
      yasqe.setCursor({ line: line - 1, ch: column - 1 });
    },
    onChange: (listener) => form.addEventListener("querychange", listener),
  };
}

function options(value, run) {
  return {
    value: value.replace(/\s+$/, "\n"),
    persistenceId: null, // queries stay out of the browser's storage: the address holds them
    createShareableLink: null,
    consumeShareLink: null,
    showQueryButton: false,
    resizeable: false,
    editorHeight: null,
    viewportMargin: Infinity,
    screenReaderLabel: "Query",
    cursorBlinkRate: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 530,
    extraKeys: {
      Tab: false, // a keyboard must be able to leave (WCAG 2.1.2)
      "Shift-Tab": false,
      "Ctrl-S": false,
      "Ctrl-Enter": run,
      "Cmd-Enter": run,
    },
  };
}

function hintLine() {
  const hint = document.createElement("div");
  hint.className = "govuk-hint";
  hint.id = "query-hint";
  hint.textContent = HINT;
  return hint;
}

function syntaxLine() {
  const line = document.createElement("p");
  line.className = "govuk-body-s syntax-line";
  line.id = "query-syntax";
  return line;
}

function label(form, yasqe) {
  const input = yasqe.getInputField();
  input.id = "query-editor";
  input.setAttribute("aria-describedby", "query-hint query-syntax");
  form.querySelector("label").htmlFor = input.id;
}
