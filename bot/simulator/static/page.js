/* What the panes share. Texts of people and models become text nodes, never HTML. */

export const setup = document.body.dataset;
export const byId = (id) => document.getElementById(id);
const LINES = 1000;
const clock = new Intl.DateTimeFormat("ko", { hour: "numeric", minute: "2-digit" });

/** An element: a class in `tag` follows a dot; falsy children are left out. */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const { data, ...plain } = properties;
  const made = Object.assign(document.createElement(name), plain);
  if (classes.length) made.classList.add(...classes);
  Object.assign(made.dataset, data);
  made.append(...children.flat().filter(Boolean));
  return made;
}

export function seconds(value) {
  if (value < 1) return `${Math.max(value, 0.01).toFixed(2)}초`;
  return `${value.toFixed(value < 10 ? 1 : 0)}초`;
}

/** One messenger's log, its exchanges, and the way to send to it. */
export class Pane {
  constructor(name, url) {
    this.url = url;
    this.log = byId(`${name}-log`);
    this.problem = byId(`${name}-problem`);
    this.start = this.log.firstElementChild;
    this.exchanges = new Map();
  }

  /** What is kept of the event's exchange: its waiting mark, its last message. */
  exchange(event) {
    if (!this.exchanges.has(event.exchange)) this.exchanges.set(event.exchange, {});
    return this.exchanges.get(event.exchange);
  }

  /** Add to the log; stays at the end unless the reader has scrolled up. */
  add(node) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 120;
    this.log.append(node);
    if (this.log.childElementCount > LINES) this.start.nextElementSibling.remove();
    if (atEnd) this.toEnd();
    return node;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** POST a message; a refusal is shown above the input. Resolves to whether it was taken. */
  async say(body) {
    this.problem.textContent = "";
    try {
      const headers = { "Content-Type": "application/json" };
      const response = await fetch(this.url, { method: "POST", headers, body: JSON.stringify(body) });
      if (response.ok) return true;
      this.problem.textContent = await response.text();
      if (response.status === 409) document.dispatchEvent(new Event("session-lost"));
    } catch {
      this.problem.textContent = "봇에 연결할 수 없습니다. 실행 중인지 확인하세요.";
    }
    return false;
  }

  clear() {
    this.log.replaceChildren(this.start);
    this.log.classList.remove("spoken");
    this.problem.textContent = "";
    this.exchanges.clear();
  }
}

/** The panes by name: `pane`, `show` (a function for each kind of event), `say(text, options)`. */
export const panes = new Map();

/** Enter sends, Shift+Enter breaks the line; Enter that ends a Hangul composition does neither. */
function compose(form, send) {
  const input = form.querySelector("textarea");
  const submit = async (options) => {
    const text = input.value;
    if (!text.trim()) return input.focus();
    input.value = "";
    input.focus();
    if (!(await send(text, options))) input.value ||= text;
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  return submit;
}

/** A messenger's pane takes part in the page; returns what sends its input, with options. */
export function register(name, { pane, show, say, idea = (text) => text }) {
  panes.set(name, { pane, show, say, idea });
  return compose(byId(`${name}-form`), say);
}

/** "원문 보기": what went over the wire; the JSON is written when it is first opened. */
export function raw(event, labels) {
  if (!event.wire) return null;
  const details = el("details.raw", {}, el("summary", {}, "원문 보기"));
  details.addEventListener(
    "toggle",
    () => {
      for (const [part, content] of Object.entries(event.wire)) {
        const text = JSON.stringify(content, null, 2);
        details.append(el("h5", {}, labels[part]), el("pre", { tabIndex: 0 }, text));
      }
    },
    { once: true },
  );
  return details;
}

export const small = (...children) => el("div.small", {}, ...children);
export const at = (event) =>
  el("time", { dateTime: new Date(event.at * 1000).toISOString() }, clock.format(event.at * 1000));

/** A mark that something is still awaited, with its seconds; gone with the next event. */
export function awaiting(pane, exchange, event, text) {
  const since = String(event.at - event.after_s);
  const passed = el("span.passed", { ariaHidden: "true", data: { since } });
  settle(exchange);
  exchange.awaited = pane.add(
    el("div.awaited", {}, el("i"), el("i"), el("i"), el("span", {}, text), passed),
  );
}

setInterval(() => {
  for (const passed of document.querySelectorAll(".passed")) {
    const value = Math.max(0, Math.floor(Date.now() / 1000 - Number(passed.dataset.since)));
    passed.textContent = `${value}초`;
  }
}, 1000);

/** The exchange waits no longer. */
export function settle(exchange) {
  exchange.awaited?.remove();
  exchange.awaited = null;
}

/** A link that leaves the page; anything but http(s) and mail stays plain text. */
export function link(href, ...children) {
  if (!/^(https?:|mailto:)/i.test(href)) return el("span", {}, children);
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, children);
}
