// The examples as a menu, made of the list that the page has, with what the chosen one answers.

export function exampleMenu(choose) {
  const box = document.createElement("div");
  box.className = "govuk-form-group example-menu";
  const label = document.createElement("label");
  label.className = "govuk-label govuk-label--s";
  label.htmlFor = "example";
  label.textContent = "Examples";
  const description = document.createElement("p");
  description.className = "govuk-hint";
  description.id = "example-description";
  description.setAttribute("aria-live", "polite");
  const select = menu();
  const button = document.createElement("button"); // choosing alone, as the arrow keys do, must not replace the query
  button.type = "button";
  button.className = "govuk-button govuk-button--secondary";
  button.textContent = "Use this example";
  button.disabled = true;
  const chosen = () => select.selectedOptions[0].dataset;
  select.addEventListener("change", () => {
    description.textContent = chosen().answers ?? "";
    button.disabled = !chosen().query;
  });
  button.addEventListener("click", () => choose(chosen().query));
  box.append(label, select, description, button);
  return box;
}

function menu() {
  const select = document.createElement("select");
  select.id = "example";
  select.className = "govuk-select";
  select.setAttribute("aria-describedby", "example-description");
  select.append(new Option("Choose an example", ""));
  for (const group of document.querySelectorAll("#examples .example-group")) {
    const options = document.createElement("optgroup");
    options.label = group.querySelector("summary").textContent.trim();
    for (const item of group.querySelectorAll(".example-list > li")) options.append(entry(item));
    select.append(options);
  }
  return select;
}

function entry(item) {
  const link = item.querySelector("a");
  const option = new Option(link.textContent, link.href);
  option.dataset.query = new URL(link.href).searchParams.get("query");
  option.dataset.answers = item.querySelector(".govuk-hint")?.textContent ?? "";
  return option;
}
