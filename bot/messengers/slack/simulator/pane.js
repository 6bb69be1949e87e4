/* The Slack pane: the deliveries of a command, and the messages that come of it. */

import {
  Pane, at, awaiting, byId, el, link, raw, register, seconds, settle, setup, small,
} from "../../static/page.js";

const slack = new Pane("slack", setup.slack);
const SLACK_RAW = { request: "봇으로 보낸 요청 (폼)", response: "돌아온 응답", callback: "response_url로 온 본문" };
const TAGS = new Set(
  "p h4 ul ol li blockquote strong em del a table thead tbody tr th td hr br code pre span div".split(" "),
);
let me = "";

const show = {
  utterance(event) {
    me = event.user_id;
    const typed = el("p.command", {}, el("code", {}, event.command), ` ${event.text}`);
    slack.add(message(event, { name: "나", own: true, note: "나에게만 표시" }, [typed]));
    slack.toEnd();
  },
  request(event) {
    const label = event.attempt > 1 ? `재전송 · x-slack-retry-num: ${event.attempt - 1}` : "명령 보냄";
    const exchange = slack.exchange(event);
    settle(exchange);
    slack.add(el("div.delivery", {}, small(el("span", {}, label), raw(event, SLACK_RAW))));
    awaiting(slack, exchange, event, "접수를 기다리는 중 (3초까지)");
  },
  acknowledged(event) {
    const exchange = slack.exchange(event);
    settle(exchange);
    const text = `접수됨 HTTP 200 · ${seconds(event.after_s)}`;
    slack.add(el("div.delivery.ok", {}, small(el("span", {}, text), raw(event, SLACK_RAW))));
    if (!exchange.answered) awaiting(slack, exchange, event, "response_url로 올 답변을 기다리는 중");
  },
  answer(event) {
    const exchange = slack.exchange(event);
    settle(exchange);
    if (event.replaces) exchange.last?.remove();
    if (!event.view.length) return;
    const way = event.via === "ack" ? "접수 응답에 담긴 글" : `response_url ${event.use}/5`;
    const note = event.ephemeral && "나에게만 표시";
    const notes = [`${way} · ${seconds(event.after_s)} 뒤`];
    exchange.last = message(event, { name: "블라썸", note, notes }, event.view.map(build));
    slack.add(exchange.last);
    exchange.answered ||= event.via === "response_url";
    if (!exchange.answered) awaiting(slack, exchange, event, "response_url로 올 답변을 기다리는 중");
  },
  failure(event) {
    settle(slack.exchange(event));
    const words = el("div.failure", {}, el("strong", {}, event.title), el("p", {}, event.detail));
    const notes = [`${seconds(event.after_s)} 뒤`];
    slack.add(message(event, { name: "Slackbot", note: "나에게만 표시", notes }, [words]));
  },
};

function message(event, { name, own = false, note = "", notes = [] }, content) {
  const avatar = own || name === "Slackbot"
    ? el("span.avatar", { ariaHidden: "true", data: { who: own ? "me" : "slackbot" } }, own ? "나" : "S")
    : el("img.avatar", { src: setup.avatar, alt: "" });
  return el(
    `div.message${note ? ".ephemeral" : ""}`,
    {},
    note && el("p.eyes", {}, note),
    avatar,
    el(
      "div.body",
      {},
      el("p.who", {}, el("strong", {}, name), !own && el("span.app", {}, "앱"), at(event)),
      el("div.text", {}, content),
      notes.length > 0 && small(notes.map((text) => el("span", {}, text)), raw(event, SLACK_RAW)),
    ),
  );
}

/** A tree from the server as DOM; unknown tags become spans. */
function build(node) {
  if (typeof node === "string") return document.createTextNode(node);
  if (node.tag === "mention") return el("span.mention", {}, node.children[0] === me ? "@나" : `@${node.children[0]}`);
  const children = node.children.map(build);
  if (node.tag === "a") return link(node.href, ...children);
  const made = el(TAGS.has(node.tag) ? node.tag : "span", {}, children);
  if (node.start !== undefined) made.start = node.start;
  if (node.block) made.dataset.block = node.block;
  return made;
}

/** `twice`: the same request is delivered again, as a retry would be. */
const say = (text, { twice = false } = {}) => slack.say({ text, twice });
const submit = register("slack", { pane: slack, show, say, idea: (text) => `/bllossom ${text}` });
byId("slack-twice").addEventListener("click", () => submit({ twice: true }));
