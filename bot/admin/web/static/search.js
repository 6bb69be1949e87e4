// Completes the last word of the search box as one types. Without it the box works the same.
"use strict";

const box = document.getElementById("q");
const list = document.getElementById("q-suggestions");
const status = document.getElementById("q-status");
const PAUSE_MS = 120;
let chosen = -1;
let timer = 0;
let asked = 0;

/** The token that ends at the caret: its start, and its text. */
function token() {
  const before = box.value.slice(0, box.selectionStart);
  const quoted = before.match(/[^\s":]+:"[^"]*$/);
  const start = quoted ? quoted.index : before.search(/\S*$/);
  return { start, text: before.slice(start) };
}

function close() {
  list.hidden = true;
  list.replaceChildren();
  chosen = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function take(text) {
  const { start } = token();
  const rest = box.value.slice(box.selectionStart);
  const end = text.endsWith(":") ? text : `${text} `;
  box.value = box.value.slice(0, start) + end + rest.trimStart();
  box.setSelectionRange(start + end.length, start + end.length);
  close();
  box.focus();
  if (text.endsWith(":")) ask();
}

function mark(number) {
  const options = [...list.children];
  chosen = (number + options.length) % options.length;
  options.forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
  box.setAttribute("aria-activedescendant", options[chosen].id);
}

function show(suggestions) {
  close();
  if (!suggestions.length) return;
  list.replaceChildren(
    ...suggestions.map(({ text, label }, number) => {
      const option = document.createElement("li");
      option.id = `q-option-${number}`;
      option.role = "option";
      option.setAttribute("aria-selected", "false");
      const code = document.createElement("code");
      code.textContent = text;
      option.append(code, ` ${label}`);
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(text);
      });
      option.dataset.text = text;
      return option;
    }),
  );
  list.hidden = false;
  box.setAttribute("aria-expanded", "true");
  status.textContent = status.dataset.found.replace("{count}", String(suggestions.length));
}

async function ask() {
  const { text } = token();
  const number = ++asked;
  if (!text || text.startsWith('"')) return close();
  const url = `${box.dataset.suggestions}?${new URLSearchParams({ token: text })}`;
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    const type = response.headers.get("Content-Type") || "";
    const suggestions = response.ok && type.includes("json") ? await response.json() : [];
    if (number === asked && document.activeElement === box) show(suggestions);
  } catch {
    close();
  }
}

box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE_MS);
});
box.addEventListener("blur", close);
box.addEventListener("keydown", (event) => {
  // While an IME composes, its keys are its own.
  if (event.isComposing || list.hidden) return;
  if (event.key === "ArrowDown") mark(chosen + 1);
  else if (event.key === "ArrowUp") mark(chosen < 0 ? -1 : chosen - 1);
  else if (event.key === "Escape") close();
  else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
    take(list.children[chosen].dataset.text);
  } else return;
  event.preventDefault();
});

box.setAttribute("role", "combobox");
box.setAttribute("aria-autocomplete", "list");
box.setAttribute("aria-controls", list.id);
box.setAttribute("aria-expanded", "false");
