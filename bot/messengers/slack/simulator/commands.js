/* Slash commands: their deliveries, and the messages that come to their response_url. */

import { at, awaiting, el, raw, seconds, settle, setup, small } from "../../static/page.js";
import { build } from "./blocks.js";

export const SLACK_RAW = { request: "봇으로 보낸 요청", response: "돌아온 응답", callback: "response_url로 온 본문" };
const AWAITED = "답변을 기다리는 중";

/** The kinds of events of commands, shown in the pane's log; `press` sends a button of a response. */
export function commands(slack, press) {
  let me = "";

  function message(event, { name, own = false, note = "", notes = [] }, content) {
    const drawn = own || name === "Slackbot"
      ? el("span.avatar", { ariaHidden: "true", data: { who: own ? "me" : "slackbot" } }, own ? "나" : "S")
      : el("img.avatar", { src: setup.avatar, alt: "" });
    return el(
      `div.message${note ? ".ephemeral" : ""}`,
      {},
      note && el("p.eyes", {}, note),
      drawn,
      el(
        "div.body",
        {},
        el("p.who", {}, el("strong", {}, name), !own && el("span.app", {}, "앱"), at(event)),
        el("div.text", {}, content),
        notes.length > 0 && small(notes.map((text) => el("span", {}, text)), raw(event, SLACK_RAW)),
      ),
    );
  }

  return {
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
      if (!exchange.answered) awaiting(slack, exchange, event, AWAITED);
    },
    answer(event) {
      const exchange = slack.exchange(event);
      settle(exchange);
      if (event.replaces) exchange.last?.remove();
      if (!event.view.length) return;
      const way = event.via === "ack" ? "접수 응답에 담긴 글" : `response_url ${event.use}/5`;
      const note = event.ephemeral && "나에게만 표시";
      const notes = [`${way} · ${seconds(event.after_s)} 뒤`];
      const pressed = event.ts && press ? (button) => press(event.ts, button) : null;
      const content = event.view.map((node) => build(node, { me, press: pressed }));
      exchange.last = message(event, { name: "블라썸", note, notes }, content);
      slack.add(exchange.last);
      exchange.answered ||= event.via === "response_url";
      if (!exchange.answered) awaiting(slack, exchange, event, AWAITED);
    },
    failure(event) {
      settle(slack.exchange(event));
      const words = el("div.failure", {}, el("strong", {}, event.title), el("p", {}, event.detail));
      const notes = [`${seconds(event.after_s)} 뒤`];
      slack.add(message(event, { name: "Slackbot", note: "나에게만 표시", notes }, [words]));
    },
    /** A message of the bot has come into the channel: the oldest command waits no longer. */
    answered() {
      const waiting = [...slack.exchanges.values()].find((exchange) => exchange.awaited);
      if (waiting) {
        settle(waiting);
        waiting.answered = true;
      }
    },
  };
}
