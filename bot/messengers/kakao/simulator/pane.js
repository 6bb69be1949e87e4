/* The Kakao pane: bubbles, cards and quick replies as KakaoTalk draws them. */

import { uploaded } from "./photos.js";
import {
  Pane, at, awaiting, byId, el, link, raw, register, seconds, settle, setup, small,
} from "../../static/page.js";

const chips = byId("kakao-chips");

class KakaoPane extends Pane {
  clear() {
    super.clear();
    chips.replaceChildren();
  }
}

const kakao = new KakaoPane("kakao", setup.kakao);
const FOLD = Number(byId("kakao-pane").dataset.fold);
const KAKAO_RAW = { request: "봇으로 보낸 요청", response: "돌아온 응답", callback: "콜백으로 온 본문" };
const VIA = { sync: "동기 응답", callback: "콜백" };

const MINE = {
  text: (event) => el("p.bubble", {}, event.text),
  photo: (event) => el("p.bubble.photo", {}, el("img", { src: event.photo || setup.avatar, alt: event.text })),
  welcome: (event) => el("p.bubble.entered", {}, event.text),
};
const NOT_SENT = {
  operator: "상담원 연결: 카카오가 이 채팅을 채널 관리자에게 넘깁니다. 봇에는 아무것도 오지 않습니다.",
  phone: "전화 걸기: 봇에는 아무것도 오지 않습니다.",
  share: "공유하기: 봇에는 아무것도 오지 않습니다.",
};

const show = {
  utterance(event) {
    const mine = el("div.mine", {}, at(event), MINE[event.message || "text"](event));
    kakao.exchange(event).mine = kakao.add(mine);
    chips.replaceChildren();
    kakao.toEnd();
  },
  request(event) {
    const exchange = kakao.exchange(event);
    const way = event.wire.request.body.userRequest.callbackUrl ? "callbackUrl 있음" : "callbackUrl 없음";
    exchange.mine?.after(small(el("span", {}, way), raw(event, KAKAO_RAW)));
    awaiting(kakao, exchange, event, "봇의 응답을 기다리는 중 (5초까지)");
  },
  waiting(event) {
    const notes = [`접수 ${seconds(event.after_s)} · useCallback`];
    said(event, [el("p.bubble.waiting", {}, event.text)], notes);
    const left = Math.round(event.until_s);
    awaiting(kakao, kakao.exchange(event), event, `콜백을 기다리는 중 (${left}초까지)`);
  },
  answer(event) {
    const bubbles = event.outputs.map(bubble);
    said(event, bubbles, [`${VIA[event.via]} · ${seconds(event.after_s)} 뒤`]);
    chips.replaceChildren(...event.quick_replies.map(chip));
    kakao.toEnd();
  },
  failure(event) {
    const words = el("div.failure", {}, el("strong", {}, event.title), el("p", {}, event.detail));
    said(event, [words], [`${seconds(event.after_s)} 뒤`]);
  },
};

/** What the bot's side says: avatar and name, the bubbles, and the small print. */
function said(event, bubbles, notes) {
  settle(kakao.exchange(event));
  const body = el("div.body", {}, el("span.name", {}, "블라썸"), bubbles);
  const footnote = small(at(event), notes.map((note) => el("span", {}, note)), raw(event, KAKAO_RAW));
  body.append(footnote);
  kakao.add(el("div.theirs", {}, el("img", { src: setup.avatar, alt: "" }), body));
}

function bubble(output) {
  if (output.simpleText) return foldable(output.simpleText.text);
  if (output.textCard) return card(output.textCard);
  return el("p.bubble.other", {}, `${Object.keys(output)[0]} (이 시뮬레이터는 표시하지 않습니다)`);
}

/** A text bubble; KakaoTalk folds a long one behind "전체보기". */
function foldable(text) {
  const characters = [...text];
  const shown = el("p.bubble", {}, text);
  if (characters.length <= FOLD) return shown;
  shown.textContent = `${characters.slice(0, FOLD).join("")}…`;
  const more = el("button.more", { type: "button" }, "전체보기");
  more.addEventListener("click", () => {
    shown.textContent = text;
    more.remove();
  });
  return el("div.folded", {}, shown, more);
}

function card({ title, description, buttons = [], buttonLayout = "vertical" }) {
  const actions = buttons.map((button) => {
    if (button.action === "webLink") return link(button.webLinkUrl, button.label);
    const tap = el("button", { type: "button" }, button.label);
    tap.addEventListener("click", () => tapped(button, "CARD_BUTTON"));
    return tap;
  });
  return el(
    "div.bubble.card",
    {},
    title && el("strong", {}, title),
    description && el("p", {}, description),
    actions.length > 0 && el("div.actions", { data: { layout: buttonLayout } }, actions),
  );
}

function chip(reply) {
  const made = el("button", { type: "button" }, reply.label);
  made.addEventListener("click", () => tapped(reply, "QUICKREPLY_BUTTON"));
  return made;
}

/** A tap is as if typed; what the button carried goes along. */
function tapped(button, where) {
  if (NOT_SENT[button.action]) {
    kakao.add(el("p.note", {}, NOT_SENT[button.action]));
    return kakao.toEnd();
  }
  const trigger = `${where}_${button.action === "block" ? "BLOCK" : "MESSAGE"}`;
  return say(button.messageText || button.label, { extra: button.extra || null, trigger });
}

function say(text, more = {}) {
  return kakao.say({ text, callback: byId("kakao-callback").checked, ...more });
}

byId("kakao-photo").addEventListener("click", () => say("사진", { kind: "photo" }));
byId("kakao-upload").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  kakao.problem.textContent = "";
  const { photo, problem } = await uploaded(file);
  target.value = "";
  if (photo) await say("사진", { kind: "photo", photo });
  else kakao.problem.textContent = problem;
});
byId("kakao-welcome").addEventListener("click", () => say("채널 들어가기", { kind: "welcome" }));

register("kakao", { pane: kakao, show, say: (text) => say(text) });
