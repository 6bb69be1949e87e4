// The live tail: shows turns as they come in and end. All words are set as text, never as HTML.
"use strict";

const MAX_SHOWN = 100;
const list = document.getElementById("live");
const words = list.dataset;
const template = document.getElementById("live-item");
const state = document.getElementById("live-state");
const pause = document.getElementById("live-pause");
const empty = document.getElementById("live-empty");
const waiting = [];
let paused = false;

function fill(item, turn) {
  for (const field of item.querySelectorAll("[data-field]")) {
    field.textContent = turn[field.dataset.field];
  }
  item.querySelector(".badge").className = `badge ${turn.tone}`;
  const link = item.querySelector("a");
  link.href = `${list.dataset.conversations}${turn.conversation_id}?before=${turn.before}#turn-${turn.id}`;
  item.querySelector("[data-field=answer]").parentElement.hidden = !turn.answer;
}

function show(turn) {
  const known = document.getElementById(`live-${turn.id}`);
  if (known) {
    fill(known, turn);
    return;
  }
  const item = template.content.firstElementChild.cloneNode(true);
  item.id = `live-${turn.id}`;
  fill(item, turn);
  list.prepend(item);
  if (empty) empty.hidden = true;
  while (list.children.length > MAX_SHOWN) list.lastElementChild.remove();
}

function receive(turn) {
  if (!paused) {
    show(turn);
    return;
  }
  waiting.push(turn);
  if (waiting.length > MAX_SHOWN) waiting.shift();
  pause.textContent = `${words.goOn} (${waiting.length})`;
}

const events = new EventSource(list.dataset.events);
events.addEventListener("open", () => {
  state.textContent = words.open;
});
events.addEventListener("error", () => {
  state.textContent =
    events.readyState === EventSource.CLOSED
      ? words.closed
      : words.lost;
});
events.addEventListener("turn", (event) => receive(JSON.parse(event.data)));
events.addEventListener("skipped", (event) => {
  state.textContent = `${words.skipped} ${JSON.parse(event.data).count}`;
});
pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? words.goOn : words.pause;
  if (!paused) waiting.splice(0).forEach(show);
});
