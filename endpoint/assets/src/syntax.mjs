// Marks the first line that is no SPARQL, and says so in words below the editor.

export function checkSyntax(yasqe, place) {
  yasqe.clearGutter("gutterErrorBar");
  const found = firstError(yasqe);
  place.textContent = found ? sentence(found) : "";
  if (found) {
    const mark = document.createElement("span");
    mark.className = "syntax-mark";
    mark.textContent = "!";
    mark.setAttribute("aria-hidden", "true");
    yasqe.setGutterMarker(found.line, "gutterErrorBar", mark);
  }
}

function firstError(yasqe) {
  for (let line = 0; line < yasqe.lineCount(); line++) {
    const { state } = yasqe.getTokenAt({ line, ch: yasqe.getLine(line).length }, line === 0);
    yasqe.setOption("queryType", state.queryType);
    if (!state.OK) return { line, message: state.errorMsg, expected: state.possibleCurrent ?? [] };
  }
  return null;
}

function sentence({ line, message, expected }) {
  const what = message || (expected.length > 0 && expected.length <= 6 ? `expected ${expected.join(" or ")}` : "");
  return `Line ${line + 1} cannot be read${what ? `: ${what}` : ""}`;
}
