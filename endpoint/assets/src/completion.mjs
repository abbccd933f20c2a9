// Completes names of the release as they are typed: properties and codes by label, prefixes, variables of the query.
import { say, sayUnseen } from "./status.mjs";

const TERMS = "/sparql/terms.json";
const WORD = /[?$]?[\p{L}\p{N}_:<./#-]*$/u;
const SHORTEST = 2;
const DECLARED = /\b(?:PREFIX)\s+([^\s:]*):\s*<([^>]*)>/giu;

export function completeFromRelease(yasqe, base) {
  const known = new Map(); // prefix -> namespace
  const hint = () => hints(yasqe, base);
  yasqe.setOption("extraKeys", { ...yasqe.getOption("extraKeys"), "Ctrl-Space": () => open(yasqe, hint) });
  yasqe.on("inputRead", (_, change) => {
    if (isWorthCompleting(yasqe, change)) open(yasqe, hint);
    if (change.text[0] === ":") declare(yasqe, known);
  });
  fetch(TERMS)
    .then((answer) => answer.json())
    .then(({ prefixes }) => Object.entries(prefixes).forEach(([name, iri]) => known.set(name, iri)))
    .catch(() => say("Names of the release cannot be completed: the list did not arrive."));
}

function open(yasqe, hint) {
  yasqe.showHint({ hint, completeSingle: false, container: yasqe.getWrapperElement().parentElement });
}

function isWorthCompleting(yasqe, change) {
  const word = wordBefore(yasqe).text;
  const kind = yasqe.getTokenTypeAt(yasqe.getCursor()) ?? "";
  const isCode = !/comment|string(?!-)|keyword/.test(kind) && !inPrologue(yasqe);
  return change.origin === "+input" && word.length >= SHORTEST && /[\p{L}]/u.test(word) && word !== word.toUpperCase() && isCode;
}

function inPrologue(yasqe) {
  return /^\s*(PREFIX|BASE)\b/i.test(yasqe.getLine(yasqe.getCursor().line));
}

function wordBefore(yasqe) {
  const cursor = yasqe.getCursor();
  const text = WORD.exec(yasqe.getLine(cursor.line).slice(0, cursor.ch))[0];
  return { text, from: { line: cursor.line, ch: cursor.ch - text.length }, to: cursor };
}

async function hints(yasqe, base) {
  const { text, from, to } = wordBefore(yasqe);
  const list = /^[?$]/.test(text) ? variables(yasqe, text) : await terms(yasqe, base, text);
  sayUnseen(list.length ? `${list.length} names: choose with the arrow keys and Enter` : "No name fits");
  window.setTimeout(nameTheList, 0);
  return { list, from, to };
}

function nameTheList() {
  document.querySelector(".CodeMirror-hints")?.setAttribute("aria-label", "Names");
}

function variables(yasqe, text) {
  const names = new Set(yasqe.getValue().match(/[?$][\p{L}\p{N}_]+/gu) ?? []);
  names.delete(text);
  return [...names].filter((name) => name.startsWith(text)).map((name) => ({ text: name }));
}

async function terms(yasqe, base, text) {
  const own = declared(yasqe, base);
  const parameters = new URLSearchParams({ q: text });
  const property = propertyBefore(yasqe, own);
  if (property) parameters.set("property", property);
  const answer = await fetch(`${TERMS}?${parameters}`);
  if (!answer.ok) return [];
  const found = await answer.json();
  const most = window.innerWidth < 640 ? 5 : found.terms.length; // the list has no scroll bar
  return found.terms.slice(0, most).map((term) => suggestion(yasqe, term, own));
}

// The property whose value is being written, as a whole IRI.
function propertyBefore(yasqe, own) {
  const name = yasqe.getTokenAt(yasqe.getCursor()).state.lastProperty ?? "";
  const [prefix, ...rest] = name.split(":");
  return rest.length && own.has(prefix) ? own.get(prefix) + rest.join(":") : "";
}

function declared(yasqe, base) {
  const found = new Map();
  for (const [, prefix, iri] of yasqe.getValue().matchAll(DECLARED)) {
    found.set(prefix, URL.canParse(iri, `${base}/`) ? new URL(iri, `${base}/`).href : iri);
  }
  return found;
}

function suggestion(yasqe, term, own) {
  const written = abbreviated(term, own);
  return {
    text: written.text,
    render: (item) => item.append(part("label", term.label), part("kind", [term.kind, term.list].filter(Boolean).join(" of "))),
    hint: (_, data) => {
      yasqe.operation(() => {
        yasqe.replaceRange(written.text, data.from, yasqe.getCursor(), "complete");
        if (written.prefix) yasqe.addPrefixes(written.prefix);
      });
    },
  };
}

function part(kind, text) {
  const span = document.createElement("span");
  span.className = `hint-${kind}`;
  span.textContent = text;
  return span;
}

// The query's own prefix if it has one for the namespace, else the release's, to be declared with it.
function abbreviated(term, own) {
  const whole = { text: `<${term.iri}>` };
  if (!term.prefix) return whole;
  const last = term.iri.slice(term.namespace.length);
  for (const [prefix, namespace] of own) {
    if (namespace === term.namespace) return { text: `${prefix}:${last}` };
  }
  return own.has(term.prefix) ? whole : { text: `${term.prefix}:${last}`, prefix: { [term.prefix]: term.namespace } };
}

// Declares a prefix of the release as soon as it is typed.
function declare(yasqe, known) {
  const prefix = wordBefore(yasqe).text.slice(0, -1);
  if (known.has(prefix) && !inPrologue(yasqe) && !declared(yasqe, "about:blank").has(prefix)) {
    yasqe.addPrefixes({ [prefix]: known.get(prefix) });
  }
}
