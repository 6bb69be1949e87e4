/* Slack's blocks as DOM: texts, buttons, forms. Texts become text nodes, never HTML. */

import { el, link } from "../../static/page.js";

const TAGS = new Set(
  "p h4 ul ol li blockquote strong em del a table thead tbody tr th td hr br code pre span div".split(" "),
);
const BOT = "U0BLLOSSOM";

/** A tree from the server as DOM; unknown tags become spans. `press` is called with a button's node. */
export function build(node, { me = "", press = null } = {}) {
  if (typeof node === "string") return document.createTextNode(node);
  if (node.tag === "mention") return mention(node.children[0], me);
  if (node.tag === "field") return field(node);
  const children = node.children.map((child) => build(child, { me, press }));
  if (node.tag === "button") return button(node, children, press);
  if (node.tag === "a") return link(node.href, ...children);
  const made = el(TAGS.has(node.tag) ? node.tag : "span", {}, children);
  if (node.start !== undefined) made.start = node.start;
  if (node.block) made.dataset.block = node.block;
  return made;
}

function mention(user, me) {
  const name = { [me]: "@나", [BOT]: "@블라썸" }[user] ?? `@${user}`;
  return el("span.mention", {}, name);
}

function button(node, children, press) {
  if (!press) return el("span.pressable", {}, children);
  const shown = node.icon ? thumb(node.icon) : children;
  const made = el("button.pressable", { type: "button", data: { style: node.style } }, shown);
  if (node.label) made.ariaLabel = made.title = node.label;
  made.addEventListener("click", () => press(node));
  return made;
}

/** Slack draws the thumbs of feedback buttons itself. */
function thumb(side) {
  const space = "http://www.w3.org/2000/svg";
  const drawn = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  drawn.setAttribute("viewBox", "0 0 20 20");
  drawn.setAttribute("class", `thumb ${side}`);
  path.setAttribute("d", "M2 9h3v8H2zM6.5 17V9.2L10 2.5c1.3 0 2 .9 1.8 2.1L11.3 8H16c1 0 1.7.9 1.5 1.9l-1.3 5.8c-.2.8-.8 1.3-1.6 1.3z");
  drawn.append(path);
  return drawn;
}

/** One input of a modal; its name is the block's id. */
function field(node) {
  const label = node.optional ? `${node.children[0]} (선택)` : node.children[0];
  const data = { block: "input", field: node.block_id };
  if (node.kind === "radio_buttons" || node.kind === "checkboxes") {
    const type = node.kind === "checkboxes" ? "checkbox" : "radio";
    const choices = node.options.map((option) =>
      el("label.choice", {}, el("input", { type, name: node.block_id, value: option.value }), option.label),
    );
    return el("fieldset", { data }, el("legend", {}, label), choices, el("p.wrong"));
  }
  return el("label.entry", { data }, el("span", {}, label), control(node), el("p.wrong"));
}

function control(node) {
  const named = { name: node.block_id };
  if (node.options.length) {
    const options = node.options.map(({ label, value }) => el("option", { value }, label));
    return el("select", named, el("option", { value: "" }, "선택"), options);
  }
  const text = { ...named, maxLength: node.max_length };
  return node.multiline ? el("textarea", { ...text, rows: 3 }) : el("input", { ...text, type: "text" });
}

/** What is filled in, by block id: a text, or the values of the chosen options. */
export function filledIn(form) {
  const values = {};
  for (const place of form.querySelectorAll("[data-field]")) {
    const inputs = [...place.querySelectorAll("input, textarea, select")];
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    const type = inputs[0]?.type;
    values[place.dataset.field] =
      type === "checkbox" ? chosen : type === "radio" ? (chosen[0] ?? "") : (inputs[0]?.value ?? "");
  }
  return values;
}
