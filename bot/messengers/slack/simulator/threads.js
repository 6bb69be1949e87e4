/* Threads of a room: a root, its replies in order, the agent's status, and what was delivered. */

import { at, el, seconds, setup } from "../../static/page.js";
import { build } from "./blocks.js";

export class Threads {
  /** `act` sends a deed to the server; `reply` opens a thread in the composer. */
  constructor(surface, log, { act, reply }) {
    this.surface = surface;
    this.log = log;
    this.act = act;
    this.reply = reply;
    this.threads = new Map();
    this.nodes = new Map();
  }

  clear() {
    this.threads.clear();
    this.nodes.clear();
  }

  /** Keeps the end in view, unless the reader has scrolled up. */
  change(make) {
    const log = this.log;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 140;
    make();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  of(root) {
    if (!this.threads.has(root)) this.threads.set(root, this.open(root));
    return this.threads.get(root);
  }

  open(root) {
    const replies = el("div.replies");
    const status = el("p.agent-status", { role: "status", hidden: true });
    const wire = el("div.wire");
    const stop = el("button.stop", { type: "button", hidden: true }, "■ 멈추기");
    const reply = el("button.reply", { type: "button" }, "스레드에 답글");
    const node = el("article.thread", { data: { root } }, replies, status, el("div.thread-tools", {}, reply, stop), wire);
    stop.addEventListener("click", () => this.act({ do: "stop", surface: this.surface, thread_ts: root }));
    const thread = { node, replies, status, wire, stop, root };
    reply.addEventListener("click", () => this.reply(this.surface, root, thread));
    const later = [...this.threads.values()].find((other) => other.root > root);
    later ? later.node.before(node) : this.log.append(node);
    return thread;
  }

  /** Show a message, or its newer text. */
  message(event) {
    this.change(() => {
      const thread = this.of(event.thread_ts);
      const node = this.build(event, thread);
      const before = this.nodes.get(event.ts);
      this.nodes.set(event.ts, node);
      if (before) return before.replaceWith(node);
      if (event.ts === event.thread_ts) return thread.node.prepend(node);
      const later = [...thread.replies.children].find((other) => other.dataset.ts > event.ts);
      later ? later.before(node) : thread.replies.append(node);
    });
  }

  build(event, thread) {
    const press = (button) =>
      this.act({
        do: "press",
        surface: this.surface,
        thread_ts: event.thread_ts,
        ts: event.ts,
        action_id: button.action_id,
        value: button.value,
      });
    const content = event.view.map((node) => build(node, { me: event.user_id, press }));
    const notes = [event.streaming && "쓰는 중…", event.edited && !event.streaming && "(수정됨)"];
    const ephemeral = event.ephemeral && el("p.eyes", {}, "나에게만 표시");
    return el(
      `div.message${event.ephemeral ? ".ephemeral" : ""}${event.streaming ? ".streaming" : ""}`,
      { data: { ts: event.ts } },
      ephemeral,
      avatar(event.own),
      el(
        "div.body",
        {},
        el("p.who", {}, el("strong", {}, event.own ? "나" : "블라썸"), !event.own && el("span.app", {}, "앱"), at(event)),
        el("div.text", {}, content),
        notes.filter(Boolean).map((text) => el("span.mark", {}, text)),
      ),
    );
  }

  deleted(event) {
    this.nodes.get(event.ts)?.remove();
    this.nodes.delete(event.ts);
  }

  /** The line that an agent shows while it works; empty: none. */
  status(event) {
    this.change(() => {
      const { status } = this.of(event.thread_ts);
      status.hidden = !event.text;
      status.replaceChildren(el("i"), el("i"), el("i"), el("span", {}, `블라썸 · ${event.text}`));
    });
  }

  /** Slack shows its stop button while the session is at work. */
  session(event) {
    this.of(event.thread_ts).stop.hidden = event.status !== "processing";
  }

  /** One line for each delivered event, with its record. */
  delivered(event, record) {
    if (!event.thread_ts) return;
    const retry = event.retry ? ` · 재전송 ${event.retry}` : "";
    const words = `${event.name}${retry} · HTTP 200 · ${seconds(event.after_s)}`;
    this.change(() => this.of(event.thread_ts).wire.append(el("div.small", {}, el("span", {}, words), record)));
  }

  /** A call of the bot that Slack has refused. */
  refused(event) {
    const status = event.status === 200 ? "" : `HTTP ${event.status} `;
    const words = `Slack API 거절 · ${event.method} · ${status}${event.error}`;
    this.change(() => (event.thread_ts ? this.of(event.thread_ts).wire : this.log).append(el("div.small.refused", {}, words)));
  }

  failure(event) {
    const words = el("div.failure", {}, el("strong", {}, event.title), el("p", {}, event.detail));
    this.change(() => (event.thread_ts ? this.of(event.thread_ts).wire : this.log).append(words));
  }
}

function avatar(own) {
  if (!own) return el("img.avatar", { src: setup.avatar, alt: "" });
  return el("span.avatar", { ariaHidden: "true", data: { who: "me" } }, "나");
}
