/* App Home and modals. */

import { byId, el } from "../../static/page.js";
import { build, filledIn } from "./blocks.js";

export class Views {
  constructor(act) {
    this.act = act;
    this.home = byId("slack-home");
    this.veil = byId("slack-modal");
    this.empty = this.home.firstElementChild;
  }

  clear() {
    this.home.replaceChildren(this.empty);
    this.close();
  }

  close() {
    this.veil.hidden = true;
    this.veil.replaceChildren();
  }

  press = (button) => this.act({ do: "press_view", action_id: button.action_id, value: button.value });

  showHome(event) {
    this.home.replaceChildren(...event.view.map((node) => build(node, { press: this.press })));
  }

  showModal(event) {
    const title = el("h3", { id: "slack-modal-title" }, event.title);
    const cancel = el("button", { type: "button" }, event.close || "닫기");
    const submit = event.submit && el("button", { type: "submit" }, event.submit);
    const fields = event.view.map((node) => build(node, { press: this.press }));
    const form = el("form.modal", {}, title, fields, el("div.modal-tools", {}, cancel, submit));
    form.setAttribute("role", "dialog");
    form.setAttribute("aria-labelledby", "slack-modal-title");
    cancel.addEventListener("click", () => this.act({ do: "close" }));
    form.addEventListener("keydown", (pressed) => pressed.key === "Escape" && this.act({ do: "close" }));
    form.addEventListener("submit", (sent) => {
      sent.preventDefault();
      this.act({ do: "submit", values: filledIn(form) });
    });
    this.veil.replaceChildren(form);
    this.veil.hidden = false;
    (form.querySelector("input, textarea, select") ?? cancel).focus();
  }

  showErrors(event) {
    for (const [block, text] of Object.entries(event.errors)) {
      const place = this.veil.querySelector(`[data-field="${CSS.escape(block)}"] .wrong`);
      if (place) place.textContent = text;
    }
  }
}
