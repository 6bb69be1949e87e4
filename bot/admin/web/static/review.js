// Reviewing by keyboard alone. Without it the pages work the same; `?` opens the list of the keys.
"use strict";

const form = document.getElementById("judge");
const keys = document.getElementById("keys");
const links = [...document.querySelectorAll("[data-moves] a")];
const TYPED = "textarea, select, input:not([type=radio]):not([type=checkbox])";

/** Moves to the turn before or behind: on a turn's page, or from link to link in a list. */
function move(by) {
  if (form) {
    document.querySelector(by < 0 ? "a[rel=prev]" : ".steps a[rel=next]")?.click();
    return;
  }
  const place = links.indexOf(document.activeElement);
  const next = place < 0 ? (by > 0 ? 0 : links.length - 1) : place + by;
  links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
}

/** Good takes all problems back; a problem makes the answer bad, the last one taken back unmakes it. */
function choose(digit, target) {
  const judged = target.closest("form[data-judged]") ?? form;
  const chosen = judged?.querySelector(`[data-key="${CSS.escape(digit)}"]`);
  if (!chosen) return false;
  const problems = [...judged.querySelectorAll("[type=checkbox][data-key]")];
  const bad = judged.querySelector("[data-bad]");
  if (chosen.type === "radio") {
    chosen.checked = true;
    for (const problem of problems) problem.checked = false;
  } else {
    chosen.checked = !chosen.checked;
    bad.checked = problems.some((problem) => problem.checked);
  }
  chosen.focus();
  return true;
}

/** Sends the form that one is in; else the reviewer's, or on a queue's page the one that begins. */
function save(target) {
  const judged = target.closest("form[data-judged]") ?? form;
  const button = judged?.querySelector("[data-save]") ?? document.querySelector("[data-start]");
  button?.form.requestSubmit(button);
}

function toggleKeys() {
  if (!keys) return;
  keys.open = !keys.open;
  keys.querySelector("summary").focus();
}

const ACTIONS = {
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  ArrowUp: () => !form && move(-1),
  ArrowDown: () => !form && move(1),
  k: () => move(-1),
  j: () => move(1),
  e: () => form?.querySelector('[data-field="e"]').focus(),
  n: () => form?.querySelector('[data-field="n"]').focus(),
  "?": toggleKeys,
};

/** With Hangul switched on the J key says ㅓ outside of fields, too: then its place counts. */
const LETTERS = { KeyE: "e", KeyJ: "j", KeyK: "k", KeyN: "n" };

document.addEventListener("keydown", (event) => {
  // While an IME composes, its keys are its own; 229 is what some browsers call them.
  if (event.isComposing || event.keyCode === 229 || event.altKey || event.metaKey) return;
  if (event.ctrlKey) {
    if (event.key !== "Enter" || event.repeat) return;
    event.preventDefault();
    save(event.target);
    return;
  }
  if (event.target.matches(TYPED)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const name = event.key.charCodeAt(0) > 127 ? LETTERS[event.code] : event.key;
  if (name in ACTIONS) ACTIONS[name]();
  else if (!choose(event.key, event.target)) return;
  event.preventDefault();
});
