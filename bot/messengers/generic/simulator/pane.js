/* The in-house messenger's pane: plain messages, and how their answers came. */

import {
  Pane, at, awaiting, byId, el, raw, register, seconds, settle, setup, small,
} from "../../static/page.js";

const RAW = { request: "봇으로 보낸 요청", response: "돌아온 응답", callback: "콜백으로 온 본문" };
const VIA = { response: "응답에 담긴 답변", callback: "서명된 콜백" };
const generic = new Pane("generic", setup.generic);

const show = {
  utterance(event) {
    const mine = el("div.said.own", {}, el("p.text", {}, event.text), small(at(event)));
    generic.exchange(event).mine = generic.add(mine);
    generic.toEnd();
  },
  request(event) {
    const exchange = generic.exchange(event);
    const way = event.waits ? "?wait= 로 보냄" : "callback_url과 함께 보냄";
    exchange.mine?.append(small(el("span", {}, way), raw(event, RAW)));
    awaiting(generic, exchange, event, "봇의 응답을 기다리는 중");
  },
  accepted(event) {
    const exchange = generic.exchange(event);
    exchange.mine?.append(small(el("span", {}, `접수됨 HTTP 202 · ${seconds(event.after_s)}`), raw(event, RAW)));
    awaiting(generic, exchange, event, "콜백을 기다리는 중");
  },
  answer(event) {
    settle(generic.exchange(event));
    const notes = [`${VIA[event.via]} · ${seconds(event.after_s)} 뒤`];
    said(event, [el("p.text", {}, event.text), event.notice && el("p.notice", {}, event.notice)], notes, event.failed);
  },
  failure(event) {
    settle(generic.exchange(event));
    const words = el("div.failure", {}, el("strong", {}, event.title), el("p", {}, event.detail));
    said(event, [words], [`${seconds(event.after_s)} 뒤`], true);
  },
};

function said(event, content, notes, failed) {
  const footnote = small(at(event), notes.map((note) => el("span", {}, note)), raw(event, RAW));
  generic.add(el(`div.said${failed ? ".failed" : ""}`, {}, content, footnote));
  generic.toEnd();
}

register("generic", {
  pane: generic,
  show,
  say: (text) => generic.say({ text, wait: byId("generic-wait").checked }),
});
