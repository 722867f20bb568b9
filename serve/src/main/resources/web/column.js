// A column: one text that a model goes on with, or one conversation.
import {blob, json, stream, upload} from "./server.js";

const PER_TOKEN = 5;

/** A token that was generated, with what else was likely. */
const fromCompletion = (probabilities, at) => ({
  text: probabilities.tokens[at],
  logprob: probabilities.token_logprobs[at],
  // An object lists names that look like numbers first.
  others: Object.entries(probabilities.top_logprobs[at] ?? {}).map(([text, logprob]) => ({text, logprob}))
      .sort((one, other) => other.logprob - one.logprob),
});

const fromChat = (entry) => ({
  text: entry.token,
  logprob: entry.logprob,
  others: entry.top_logprobs.map((other) => ({text: other.token, logprob: other.logprob})),
});

export class Column {
  constructor(page, title) {
    this.page = page;
    this.root = document.getElementById("column").content.firstElementChild.cloneNode(true);
    this.text = this.root.querySelector(".text");
    this.entry = this.root.querySelector("textarea");
    this.file = this.root.querySelector("input[type=file]");
    this.root.querySelector("h2").textContent = title;
    this.root.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) page.guarded(() => this[action]());
    });
    this.root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      page.guarded(() => this.send());
    });
    this.entry.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        page.guarded(() => this.send());
      }
    });
    this.file.addEventListener("change", () => page.guarded(() => this.read()));
    this.root.addEventListener("focusin", () => page.active = this);
    this.text.addEventListener("mousemove", (event) => this.point(event.target));
    this.text.addEventListener("mouseleave", () => this.point(null));
    this.text.addEventListener("blur", () => this.point(null));
    this.text.addEventListener("keydown", (event) => this.walk(event));
    this.empty();
  }

  empty() {
    this.parts = [];
    this.session = null;
    this.tokens = 0;
    this.before = null;
    this.text.replaceChildren();
    this.text.dataset.empty = this.page.mode === "chat" ? "Say something to begin." : "Give a beginning, and the model goes on.";
    this.entry.placeholder = this.page.mode === "chat" ? "Your message" : "A beginning, or what comes next (may stay empty)";
    this.meter({});
    this.memory();
    this.busy(null);
  }

  async clear() {
    this.stop();
    const old = this.session;
    this.empty();
    if (old) await json("DELETE", "/v1/sessions/" + old);
  }

  async close() {
    await this.clear();
    this.page.remove(this);
  }

  // ── generating ────────────────────────────────────────────────────────────────────────────────────────────────────

  async send() {
    if (this.running) return;
    const given = this.entry.value;
    this.page.choosing();
    if (this.page.mode === "chat") {
      if (!given.trim()) return;
      this.entry.value = "";
      await this.whole(given, async () => {
        this.add({role: "user", given});
        await this.answer();
      });
    } else {
      if (!given && !this.parts.length) return;
      this.entry.value = "";
      await this.proceed(given);
    }
  }

  /** Nothing is shown that the server has not read: what fails is taken back, and what was written may be sent again. */
  async whole(given, action) {
    const parts = this.parts.length;
    const tokens = this.tokens;
    try {
      await action();
    } catch (failed) {
      this.cut(parts);
      this.tokens = tokens;
      this.memory();
      if (!this.entry.value) this.entry.value = given;
      throw failed;
    }
  }

  /** Completing: the session knows what was read, so only what is new is sent. */
  async proceed(given) {
    if (!this.session) {
      this.session = (await json("POST", "/v1/sessions", {model: this.page.model.id})).id;
    }
    // To generate again is to go on from a copy made before.
    const kept = this.parts.length ? (await json("POST", `/v1/sessions/${this.session}/fork`)).id : null;
    if (this.before?.session) json("DELETE", "/v1/sessions/" + this.before.session).catch(() => {});
    this.before = {session: kept, parts: this.parts.length, given, tokens: this.tokens};
    await this.whole(given, async () => {
      if (given) this.add({given});
      const part = this.add({tokens: []});
      await this.generate(`/v1/sessions/${this.session}/continue`,
          {prompt: given, logprobs: PER_TOKEN, ...this.page.choosing()}, (choice) => {
            if (choice.logprobs) {
              choice.logprobs.tokens.forEach((_, at) => this.append(part, fromCompletion(choice.logprobs, at), choice.text));
            } else if (choice.text) {
              this.append(part, null, choice.text);
            }
          });
    });
  }

  /** Chatting: the whole conversation is sent; the server finds the state that it left behind. */
  async answer() {
    const messages = this.parts.map((part) => part.role === "user" ? {role: "user", content: part.given}
        : {role: "assistant", content: part.shown});
    const part = this.add({role: "assistant", tokens: []});
    await this.generate("/v1/chat/completions", {model: this.page.model.id, messages, logprobs: true,
      top_logprobs: PER_TOKEN, ...this.page.choosing()}, (choice) => {
      const text = choice.delta?.content ?? "";
      if (choice.logprobs?.content?.length) {
        choice.logprobs.content.forEach((entry) => this.append(part, fromChat(entry), text));
      } else if (text) {
        this.append(part, null, text);
      }
    });
  }

  async generate(path, body, take) {
    const began = performance.now();
    let first = 0;
    let made = 0;
    const control = new AbortController();
    this.busy(control);
    try {
      await stream(path, {...body, stream: true, stream_options: {include_usage: true}}, control.signal, (event) => {
        const choice = event.choices?.[0];
        if (choice) {
          const count = choice.logprobs?.tokens?.length ?? choice.logprobs?.content?.length ?? 0;
          made += count;
          if (!first && count) first = performance.now();
          take(choice);
          if (made > 1) this.meter({first: first - began, speed: (made - 1) / (performance.now() - first) * 1000});
        }
        if (event.usage) this.used(event.usage, event.session);
      });
    } catch (failed) {
      if (failed.name !== "AbortError") throw failed;
      await this.interrupted();
    } finally {
      this.busy(null);
    }
  }

  /** What was cut off is forgotten by the server, so the text goes on from a session that reads it again when it is needed. */
  async interrupted() {
    if (this.session) {
      const whole = this.parts.map((part) => part.given ?? part.shown).join("");
      const old = this.session;
      this.session = (await json("POST", "/v1/sessions", {model: this.page.model.id, prompt: whole})).id;
      json("DELETE", "/v1/sessions/" + old).catch(() => {});
    }
  }

  used(usage, session) {
    this.tokens = session?.tokens ?? usage.total_tokens;
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    this.meter({read: usage.prompt_tokens - cached, prompt: usage.prompt_tokens});
    this.memory();
  }

  stop() {
    this.running?.abort();
  }

  /** The last answer once more. */
  async again() {
    if (this.running || !this.parts.length) return;
    if (this.page.mode === "chat") {
      if (this.parts.at(-1).role !== "assistant") return;
      this.cut(this.parts.length - 1);
      await this.answer();
      return;
    }
    const before = this.before;
    if (!before) return;
    const old = this.session;
    this.cut(before.parts);
    this.session = before.session;
    this.tokens = before.tokens;
    this.before = null;
    json("DELETE", "/v1/sessions/" + old).catch(() => {});
    await this.proceed(before.given);
  }

  /** Two columns that have everything so far in common. */
  async fork() {
    if (this.running) return;
    const other = this.page.open();
    this.parts.forEach((part) => other.add({...part, tokens: part.tokens && [...part.tokens]}));
    other.tokens = this.tokens;
    other.memory();
    if (this.session) other.session = (await json("POST", `/v1/sessions/${this.session}/fork`)).id;
    other.entry.focus();
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A text is saved with its state, which goes on anywhere; a conversation as its messages. */
  async save() {
    let content;
    let name;
    if (this.page.mode === "chat") {
      content = new Blob([JSON.stringify(this.parts.map((part) => ({role: part.role, content: part.given ?? part.shown})), null, 1)],
          {type: "application/json"});
      name = "conversation.json";
    } else {
      if (!this.session) return;
      content = await blob(`/v1/sessions/${this.session}/snapshot`);
      name = "tern.state";
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  load() {
    this.file.accept = this.page.mode === "chat" ? ".json" : "";
    this.file.click();
  }

  async read() {
    const file = this.file.files[0];
    this.file.value = "";
    if (!file) return;
    if (this.page.mode === "chat") {
      const messages = conversation(await file.text());
      await this.clear();
      messages.forEach(({role, content}) => this.add(role === "user" ? {role, given: content} : {role, tokens: [], shown: content}));
      return;
    }
    const session = await upload("/v1/sessions/restore?model=" + encodeURIComponent(this.page.model.id), file);
    await this.clear();
    this.session = session.id;
    this.tokens = session.tokens;
    this.add({given: session.text ?? `[the state of ${session.tokens.toLocaleString("en")} tokens]`});
    this.memory();
  }

  // ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  add(part) {
    part.shown = part.shown ?? "";
    part.node = document.createElement("span");
    if (part.role) part.node.className = "turn " + part.role;
    if (part.given !== undefined) {
      if (!part.role) part.node.className = "given";
      part.node.textContent = part.given;
    } else if (part.tokens.length) {
      const tokens = part.tokens;
      part.tokens = [];
      part.shown = "";
      tokens.forEach(({token, text}) => this.append(part, token, text, true));
    } else {
      part.node.textContent = part.shown;
    }
    this.parts.push(part);
    this.text.append(part.node);
    return part;
  }

  cut(length) {
    this.parts.splice(length).forEach((part) => part.node.remove());
  }

  append(part, token, text, quiet) {
    const atEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 40;
    part.tokens.push({token, text});
    part.shown += text;
    if (token) {
      const span = document.createElement("span");
      span.className = "token";
      span.textContent = text;
      span.style.setProperty("--p", Math.exp(token.logprob).toFixed(3));
      span.token = token;
      part.node.append(span);
    } else {
      part.node.append(text);
    }
    if (!quiet) {
      this.tokens += token ? 1 : 0;
      this.memory();
      if (atEnd) this.text.scrollTop = this.text.scrollHeight;
    }
  }

  busy(control) {
    this.running = control;
    this.root.querySelector(".go").hidden = !!control;
    this.root.querySelector(".stop").hidden = !control;
    for (const action of ["again", "fork", "save", "load"]) {
      this.root.querySelector(`[data-do=${action}]`).disabled = !!control;
    }
  }

  set(name, value) {
    this.root.querySelector(`[data-is=${name}]`).textContent = value;
  }

  meter({first, speed, read, prompt}) {
    if (first === undefined && read === undefined) {
      ["speed", "first", "read"].forEach((name) => this.set(name, "–"));
    }
    if (first !== undefined) {
      this.set("first", first.toFixed(0) + " ms");
      this.set("speed", speed.toFixed(speed < 10 ? 1 : 0) + " tokens/s");
    }
    if (read !== undefined) this.set("read", `${read.toLocaleString("en")} of ${prompt.toLocaleString("en")}`);
  }

  memory() {
    const model = this.page.model?.tern;
    if (!model) return;
    const own = model.state_bytes + model.state_bytes_per_token * this.tokens;
    const other = model.transformer_bytes_per_token * this.tokens;
    const most = Math.max(own, other, 1);
    this.set("tokens", this.tokens.toLocaleString("en"));
    this.set("state", bytes(own));
    this.set("cache", bytes(other));
    this.root.querySelector("[data-is=own]").style.width = own / most * 100 + "%";
    this.root.querySelector("[data-is=other]").style.width = other / most * 100 + "%";
  }

  /** Shows what else might have come at a token. */
  point(target) {
    this.text.querySelector(".here")?.classList.remove("here");
    const span = target?.closest?.(".token");
    span?.classList.add("here");
    this.page.tip(span);
  }

  walk(event) {
    const step = {ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity}[event.key];
    if (!step) return;
    const all = [...this.text.querySelectorAll(".token")];
    if (!all.length) return;
    event.preventDefault();
    const here = all.findIndex((span) => span.classList.contains("here"));
    const next = here < 0 ? (step > 0 && step < Infinity ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + step));
    all[next].scrollIntoView({block: "nearest"});
    this.point(all[next]);
  }
}

/** The messages of a saved conversation. */
function conversation(text) {
  let messages = null;
  try {
    messages = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (!Array.isArray(messages) || !messages.every((each) => typeof each?.role === "string" && typeof each.content === "string")) {
    throw new Error("This file is no conversation; expected one that was saved here: a list of messages with role and content.");
  }
  return messages;
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit++;
  }
  return (unit && count < 100 ? count.toFixed(1) : Math.round(count)) + " " + units[unit];
}
