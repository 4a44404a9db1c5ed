const choices = [...document.querySelectorAll("select[data-by]")];
const search = document.querySelector("#search");
const rows = [...document.querySelectorAll("article")].map((row) => ({ row, text: row.textContent.toLowerCase() }));
const shown = document.querySelector("#shown");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { row, text } of rows) {
    const chosen = choices.every((c) => !c.value || row.dataset[c.dataset.by] === c.value);
    const visible = chosen && words.every((w) => text.includes(w));
    row.hidden = !visible;
    count += visible;
  }
  shown.textContent = count;
}

for (const control of [...choices, search]) control.addEventListener("input", filter);
filter();
