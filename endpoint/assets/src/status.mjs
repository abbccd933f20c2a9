// Says what happened, in text that screen readers read out.
const line = document.createElement("p");
line.className = "govuk-body query-status";
line.id = "query-status";
line.setAttribute("role", "status");
document.getElementById("query-form").append(line);

export function say(text) {
  line.classList.remove("govuk-visually-hidden");
  line.textContent = text;
}

// For what the page shows by itself.
export function sayUnseen(text) {
  line.classList.add("govuk-visually-hidden");
  line.textContent = text;
}
