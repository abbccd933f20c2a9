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
  select.addEventListener("change", () => {
    const { query, answers } = select.selectedOptions[0].dataset;
    description.textContent = answers ?? "";
    if (query) choose(query, select);
  });
  box.append(label, select, description);
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
