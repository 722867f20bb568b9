// The page: which model, which mode, how many columns.
import {Column, bytes} from "./column.js";
import {json} from "./server.js";

const by = (id) => document.getElementById(id);

const page = {
  models: [],
  model: null,
  mode: "complete",
  columns: [],
  active: null,

  /** Runs what may fail, and shows why if it does. */
  async guarded(action) {
    by("notice").hidden = true;
    try {
      await action();
    } catch (failed) {
      by("notice").textContent = failed.message;
      by("notice").hidden = false;
    }
  },

  open() {
    const column = new Column(this, this.columns.length ? "Fork " + this.columns.length : "");
    this.columns.push(column);
    by("columns").append(column.root);
    this.active = column;
    this.closable();
    return column;
  },

  remove(column) {
    this.columns = this.columns.filter((other) => other !== column);
    column.root.remove();
    if (!this.columns.length) this.open();
    this.active = this.columns[0];
    this.closable();
  },

  closable() {
    this.columns.forEach((column) => column.root.querySelector("[data-do=close]").hidden = this.columns.length < 2);
  },

  async reset() {
    for (const column of [...this.columns].slice(1)) await column.close();
    await this.columns[0]?.clear();
    this.describe();
  },

  describe() {
    const about = this.model?.tern;
    by("about").textContent = !about ? "" : `${about.parameters.toLocaleString("en")} parameters, ${about.layers} layers of ${about.width}, `
        + `${about.tokenizer}. A session keeps ${bytes(about.state_bytes)}`
        + (about.state_bytes_per_token ? ` and ${bytes(about.state_bytes_per_token)} a token.` : ", however long it gets.");
  },

  /** The settings, as the API takes them. */
  choosing() {
    const asked = {};
    for (const name of ["temperature", "top_p", "max_tokens", "seed"]) {
      const field = by(name);
      if (field.value === "") continue;
      if (!field.checkValidity()) {
        throw new Error(`${field.parentElement.textContent.trim()} is ${field.value}, expected a number`
            + (field.min ? ` from ${field.min}` : "") + (field.max ? ` to ${field.max}` : ""));
      }
      asked[name] = Number(field.value);
    }
    return asked;
  },

  tip(span) {
    const tip = by("tip");
    tip.hidden = !span;
    if (!span) return;
    const {text, logprob, others} = span.token;
    const rows = others.some((other) => other.text === text) ? others : [{text, logprob}, ...others];
    const table = document.createElement("table");
    for (const row of rows) {
      const line = table.insertRow();
      line.className = row.text === text ? "chosen" : "";
      line.insertCell().textContent = row.text.startsWith("bytes:") ? row.text.slice(6)
          : JSON.stringify(row.text).slice(1, -1).replaceAll(" ", "␣");
      line.insertCell().textContent = (Math.exp(row.logprob) * 100).toFixed(1) + " %";
    }
    tip.replaceChildren(table);
    const at = span.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(at.left, innerWidth - tip.offsetWidth - 8)) + "px";
    const below = at.bottom + 6;
    tip.style.top = (below + tip.offsetHeight > innerHeight ? at.top - tip.offsetHeight - 6 : below) + "px";
  },
};

function theme(next) {
  const kinds = ["auto", "light", "dark"];
  let kind = localStorage.getItem("theme") ?? "auto";
  if (next) kind = kinds[(kinds.indexOf(kind) + 1) % kinds.length];
  localStorage.setItem("theme", kind);
  document.documentElement.dataset.theme = kind;
  by("theme").querySelector("span").textContent = kind;
}

async function models() {
  page.models = (await json("GET", "/v1/models")).data;
  by("model").replaceChildren(...page.models.map((model) => new Option(model.id, model.id)));
  page.model = page.models[0];
  page.describe();
  page.columns.forEach((column) => column.memory());
}

by("model").addEventListener("change", () => page.guarded(async () => {
  await page.reset();
  page.model = page.models.find((model) => model.id === by("model").value);
  page.describe();
  page.columns.forEach((column) => column.memory());
}));
document.querySelectorAll("[name=mode]").forEach((choice) => choice.addEventListener("change", () => page.guarded(async () => {
  await page.reset();
  page.mode = choice.value;
  page.columns[0].empty();
})));
by("shade").addEventListener("change", () => by("columns").classList.toggle("shade", by("shade").checked));
by("key").addEventListener("change", () => page.guarded(models));
by("theme").addEventListener("click", () => theme(true));
document.addEventListener("keydown", (event) => {
  const column = page.active;
  if (event.key === "Escape") page.columns.forEach((each) => each.stop());
  if (event.altKey && event.key.toLowerCase() === "f") { event.preventDefault(); page.guarded(() => column.fork()); }
  if (event.altKey && event.key.toLowerCase() === "r") { event.preventDefault(); page.guarded(() => column.again()); }
});
document.addEventListener("click", (event) => {
  const settings = document.querySelector(".settings");
  if (settings.open && !settings.contains(event.target)) settings.open = false;
});

theme(false);
page.open();
page.guarded(models);
