"use strict";
// The grading page. It shows one pair, takes one click, shows the next. What a click does is the
// desk's business: a server that keeps it, or, in a file of its own, this browser's storage.

// With a server: every click is one request, and its reply is the next pair.
function serverDesk() {
  async function ask(path, body) {
    const wanted = { cache: "no-store", headers: { "Content-Type": "application/json" } };
    const reply = await fetch(path, body ? { ...wanted, method: "POST", body: JSON.stringify(body) } : wanted);
    if (reply.ok) return reply.json();
    const text = await reply.text();
    const refused = new Error(reply.status === 400 ? "This pair is no longer open here. Reload the page." : text);
    refused.final = reply.status < 500;
    throw refused;
  }
  return {
    saves: false,
    polls: 5000,
    sight: () => ask("turn"),
    grade: (card, grade) => ask("grade", { card, grade }),
    undo: () => ask("undo", {}),
  };
}

// In a file: every click goes to this browser's storage; the result is downloaded.
function fileDesk(data) {
  const key = "downroute-grades-" + data.export;
  const fresh = () => ({ sitting: randomId(), clicks: [] });
  const state = JSON.parse(localStorage.getItem(key) || "null") || fresh();
  const keep = () => localStorage.setItem(key, JSON.stringify(state));
  const last = () => new Map(state.clicks.map((click) => [click.card, click.grade]));
  function sight() {
    const said = last();
    const open = data.cards.filter((card) => !said.has(card.id));
    const skipped = state.clicks.filter((c) => c.grade === "skip" && said.get(c.card) === "skip");
    const later = skipped.map((c) => data.cards.find((card) => card.id === c.card));
    const given = [...said.values()].filter((grade) => grade !== "skip").length;
    return {
      card: open[0] || later[0] || null,
      given,
      least: Math.max(0, data.least - given),
      more: data.more === null ? null : Math.max(0, data.more - given),
      most: data.cards.length - given,
      canUndo: state.clicks.length > 0,
    };
  }
  return {
    saves: true,
    polls: 0,
    sight: async () => sight(),
    grade: async (card, grade) => {
      state.clicks = state.clicks.filter((click) => click.card !== card);
      state.clicks.push({ card, grade });
      keep();
      return sight();
    },
    undo: async () => {
      state.clicks.pop();
      keep();
      return sight();
    },
    save: () => {
      const grades = state.clicks.filter((click) => click.grade !== "skip");
      const result = { kind: data.kind, export: data.export, sitting: state.sitting, grades };
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }));
      link.download = "grades-" + state.sitting.slice(0, 6) + ".json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    },
  };
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const KEYS = {
  a: "a", b: "b", g: "both", n: "neither", s: "skip", u: "undo", p: "plain", d: "save",
  1: "a", 2: "b", 3: "both", 4: "neither",
};
const DONE = {
  a: "A is better", b: "B is better", both: "both good", neither: "both bad", skip: "skipped",
};

const at = (id) => document.getElementById(id);
const embedded = at("cards");
const desk = embedded ? fileDesk(JSON.parse(embedded.textContent)) : serverDesk();
let now = null;
let busy = true;
let plain = false;

function show(sight, said) {
  const before = now && now.card && now.card.id;
  now = sight;
  const card = sight.card;
  at("pair").hidden = !card;
  at("over").hidden = Boolean(card);
  for (const button of document.querySelectorAll("[data-do]")) {
    const what = button.dataset.do;
    if (what === "undo") button.disabled = !sight.canUndo;
    else if (what === "save") button.hidden = !desk.saves;
    else button.disabled = !card;
  }
  at("bar").max = Math.max(1, sight.given + (sight.more ?? sight.least));
  at("bar").value = card ? sight.given : at("bar").max;
  at("progress").textContent = (said ? said + " · " : "") + progress(sight);
  if (!card) {
    at("task").textContent = "";
    over();
  } else if (card.id !== before) {
    at("task").textContent = card.task;
    at("request").innerHTML = card.request;
    at("rubric").hidden = !card.rubric;
    at("rubric-text").innerHTML = card.rubric || "";
    document.body.classList.toggle("with-rubric", Boolean(card.rubric));
    answers();
    scrollTo(0, 0);
  }
}

function answers() {
  for (const side of ["a", "b"]) {
    const body = at(side).querySelector(".body");
    if (plain) {
      const text = document.createElement("pre");
      text.textContent = now.card[side].raw;
      body.replaceChildren(text);
    } else {
      body.innerHTML = now.card[side].html;
    }
    body.scrollTop = 0;
  }
  document.querySelector("[data-do=plain]").setAttribute("aria-pressed", String(plain));
}

function progress(sight) {
  if (!sight.card) return sight.given + " graded";
  if (desk.saves && sight.more === 0) return `${sight.given} graded · ${sight.most} left, each makes it surer`;
  return `${sight.given} graded · ${left(sight)}`;
}

function left({ least, more, most }) {
  const atMost = most > (more ?? least) ? `, at most ${most}` : "";
  if (more === null) return `at least ${least} more decide it${atMost}`;
  return `about ${least < more ? least + " to " : ""}${more} more decide it${atMost}`;
}

function over() {
  at("over-title").textContent = desk.saves ? "All graded. Thank you." : "Done. Thank you.";
  at("over-text").textContent = desk.saves
    ? "Download the result (key D) and send it back to whoever sent you this file."
    : "No further grade is needed. Whoever sent you the link has the result; you can close this page.";
  at("over-title").focus();
}

function trouble(text) {
  at("trouble").textContent = text || "";
  at("trouble").hidden = !text;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Until a click is kept, nothing else is taken: none is ever lost or given to the wrong pair.
async function kept(attempt) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 5000)) {
    try {
      const sight = await attempt();
      trouble("");
      return sight;
    } catch (fault) {
      if (fault.final) {
        trouble(fault.message);
        return null;
      }
      trouble(now && !now.card ? "The sitting has ended." : "The server cannot be reached. Your last click is not saved yet; trying again…");
      if (now && !now.card) return null;
      await pause(wait);
    }
  }
}

async function act(what) {
  if (what === "plain") {
    if (now && now.card) {
      plain = !plain;
      answers();
    }
    return;
  }
  if (what === "save") {
    if (desk.saves) desk.save();
    return;
  }
  if (busy || !now || (what === "undo" ? !now.canUndo : !now.card)) return;
  busy = true;
  document.body.classList.add("busy");
  const card = now.card && now.card.id;
  const sight = await kept(() => (what === "undo" ? desk.undo() : desk.grade(card, what)));
  if (sight) show(sight, what === "undo" ? "taken back" : DONE[what]);
  document.body.classList.remove("busy");
  busy = false;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const what = KEYS[event.key.toLowerCase()];
  if (!what) return;
  event.preventDefault();
  act(what);
});
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => act(button.dataset.do));
}

(async () => {
  const first = await kept(desk.sight);
  if (first) show(first);
  busy = false;
  // Another grader may decide it meanwhile.
  while (desk.polls) {
    await pause(desk.polls);
    if (busy || document.hidden || !now || !now.card) continue;
    const latest = await desk.sight().catch(() => null);
    if (!busy && latest && (!latest.card || latest.card.id === now.card.id)) show(latest);
  }
})();
