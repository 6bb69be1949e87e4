/* What /readyz says, in words, and the first things to say to such a model. */

import { byId, el, panes, setup } from "./page.js";

const PARTS = { postgres: "Postgres", redis: "Redis", worker: "모델 서버" };
const IDEAS = {
  ko: ["안녕! 너는 누구야?", "서울 당일치기 코스를 짜 줘", "김치찌개 끓이는 법을 알려 줘"],
  en: ["What is the capital of Korea?", "Tell me a short story about a cat.", "Who are you?"],
};

/** [state, Korean, English] of what /readyz said; null: there was no answer. */
function judge(ready) {
  if (!ready) return ["down", "봇이 응답하지 않습니다. 실행 중인지 확인하세요.", "The bot does not answer."];
  const { worker = {}, ...others } = ready.parts ?? {};
  const broken = Object.keys(others).filter((name) => !others[name].ok);
  if (broken.length) {
    const names = broken.map((name) => PARTS[name] ?? name).join(", ");
    const why = others[broken[0]].detail || `Something is wrong with ${names}.`;
    if (ready.status === "ready") return ["slow", `${names} 없이 동작 중입니다. 느려도 답변은 옵니다.`, why];
    return ["down", `${names}에 문제가 있습니다.`, why];
  }
  const model = worker.model ?? "";
  if (!worker.ok) {
    const detail = worker.detail ? `: ${worker.detail}` : "";
    return ["loading", `모델이 아직 준비되지 않았습니다${detail}`, "The model is not ready yet."];
  }
  if (worker.demo) {
    const name = model.replace(/-Instruct$/, "");
    return ["demo", `데모 모델(${name})은 영어만 지원합니다.`, "This demo model speaks English only."];
  }
  return ["ready", `${model} 준비됨`, `${model} is ready.`];
}

function showStatus(ready) {
  const [state, korean, english] = judge(ready);
  const status = byId("status");
  const write = (id, text) => byId(id).textContent === text || (byId(id).textContent = text);
  status.dataset.state = state;
  write("status-ko", korean);
  write("status-en", english);
  byId("parts").replaceChildren(...Object.entries(ready?.parts ?? {}).map(part));
  const language = state === "demo" ? "en" : "ko";
  if (status.dataset.ideas !== language) offer(language);
}

function part([name, { ok, model, detail = "" }]) {
  const label = model ? `${PARTS[name] ?? name}: ${model}` : (PARTS[name] ?? name);
  const state = el("span.hidden", {}, ok ? " 정상" : " 문제 있음");
  return el("li", { title: detail, data: { ok: String(Boolean(ok)) } }, label, state);
}

/** First things to say, in the language the model speaks. */
function offer(language) {
  byId("status").dataset.ideas = language;
  for (const place of document.querySelectorAll(".ideas")) {
    const { say, idea } = panes.get(place.dataset.pane);
    const ideas = IDEAS[language].map((text) => {
      const made = el("button", { type: "button", lang: language }, text);
      made.addEventListener("click", () => say(idea(text)));
      return made;
    });
    place.replaceChildren(...ideas);
  }
}

async function askStatus() {
  if (document.hidden) return;
  const answer = await fetch(setup.ready, { cache: "no-store", signal: AbortSignal.timeout(4000) })
    .then((response) => response.json())
    .catch(() => null);
  showStatus(answer);
}

/** Ask now and every few seconds, as long as somebody looks. */
export function watchStatus() {
  askStatus();
  setInterval(askStatus, 4000);
  document.addEventListener("visibilitychange", askStatus);
}
