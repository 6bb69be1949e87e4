/* The Slack pane: a channel, the agent's direct message, App Home; only commands where the bot
 * answers in a real workspace. */

import { Pane, byId, el, raw, register, setup } from "../../static/page.js";
import { SLACK_RAW, commands } from "./commands.js";
import { Threads } from "./threads.js";
import { Views } from "./views.js";

const frame = document.querySelector(".pane.slack");
const connected = frame.dataset.connected === "yes";
const slack = new Pane("slack", setup.slack);
const actions = new Pane("slack", setup.slack.replace(/messages$/, "actions"));
const act = (deed) => actions.say(deed);
const open = { surface: "channel", thread: { channel: "", dm: "" } };

const pressResponse = connected
  ? (ts, button) =>
      act({ do: "press", surface: "channel", ts, action_id: button.action_id, value: button.value })
  : null;
const { answered, ...show } = commands(slack, pressResponse);
const text = byId("slack-text");
const replying = byId("slack-replying");

/** Where the next message goes: into a thread, or the room itself. */
function reply(surface, root, thread = null) {
  open.thread[surface] = root;
  for (const node of frame.querySelectorAll(".thread.open")) node.classList.remove("open");
  thread?.node.classList.add("open");
  const said = thread?.node.querySelector(".message .text")?.textContent ?? "";
  replying.hidden = !root;
  replying.firstElementChild.textContent = `스레드에 답글 · ${said.trim().slice(0, 40)}`;
}

function openThread(surface, root, thread) {
  reply(surface, root, thread);
  text.focus();
}

const channel = connected && new Threads("channel", slack.log, { act, reply: openThread });
const dm = connected && new Threads("dm", byId("slack-dm-log"), { act, reply: openThread });
const views = connected && new Views(act);
const place = (event) => (event.surface === "dm" ? dm : channel);

if (connected) {
  const failed = show.failure;
  Object.assign(show, {
    message(event) {
      place(event).message(event);
      if (event.surface === "channel" && !event.own && event.ts === event.thread_ts) answered();
      // The agent's tab stays in the thread that one has opened there.
      if (event.surface === "dm" && event.own && event.ts === event.thread_ts) {
        reply("dm", event.ts, dm.of(event.ts));
        if (open.surface !== "dm") replying.hidden = true;
      }
    },
    deleted: (event) => place(event).deleted(event),
    status: (event) => place(event).status(event),
    session: (event) => place(event).session(event),
    delivered: (event) => place(event).delivered(event, raw(event, SLACK_RAW)),
    failure: (event) => (event.thread_ts ? place(event).failure(event) : failed(event)),
    refused: (event) => place(event).refused(event),
    prompts(event) {
      const buttons = event.prompts.map(({ title, message }) => {
        const made = el("button", { type: "button" }, title);
        made.addEventListener("click", () => {
          text.value = message;
          text.focus();
        });
        return made;
      });
      byId("slack-prompts").replaceChildren(el("p", {}, event.title), el("div.suggestions", {}, buttons));
    },
    home: (event) => views.showHome(event),
    modal: (event) => views.showModal(event),
    modal_closed: () => views.close(),
    modal_errors: (event) => views.showErrors(event),
    platform(event) {
      byId("slack-platform").value = event.state;
    },
  });
  const clear = slack.clear.bind(slack);
  slack.clear = () => {
    clear();
    channel.clear();
    dm.clear();
    views.clear();
    const log = byId("slack-dm-log");
    log.replaceChildren(log.firstElementChild);
    byId("slack-prompts").replaceChildren();
    byId("slack-platform").value = "works";
    reply("dm", "");
    reply("channel", "");
    opened.clear();
    turnTo("channel");
  };
}

const ROUTES = { channel: "commands · events", dm: "events", home: "events" };
const HINTS = { channel: `${frame.dataset.mention} 안녕`, dm: "블라썸에게 쓰기" };
const opened = new Set();

/** Show a tab; the agent's tabs tell the bot that they were opened. */
function turnTo(tab) {
  open.surface = tab;
  frame.dataset.surface = tab;
  for (const log of frame.querySelectorAll(".log")) log.hidden = log.dataset.tab !== tab;
  for (const button of frame.querySelectorAll(".tabs button")) {
    button.ariaSelected = String(button.dataset.tab === tab);
  }
  byId("slack-form").hidden = tab === "home";
  byId("slack-route").textContent = `POST /webhooks/slack/${ROUTES[tab]}`;
  if (tab === "home") return act({ do: "open", tab: "home" });
  text.placeholder = HINTS[tab];
  const root = open.thread[tab];
  reply(tab, root, root ? (tab === "dm" ? dm : channel).of(root) : null);
  const log = tab === "dm" ? dm.log : slack.log;
  log.scrollTop = log.scrollHeight;
  if (tab === "dm" && !opened.has(tab)) {
    opened.add(tab);
    act({ do: "open", tab: "messages" });
  }
}

/** `twice`: the same request is delivered again, as a retry would be. */
function say(typed, { twice = false } = {}) {
  const isCommand = typed.trimStart().startsWith("/");
  if (!connected || (isCommand && open.surface === "channel")) return slack.say({ text: typed, twice });
  const surface = open.surface === "dm" ? "dm" : "channel";
  return act({ do: "write", surface, text: typed, twice, thread_ts: open.thread[surface] });
}

const idea = (words) => (connected ? `${frame.dataset.mention} ${words}` : `/bllossom ${words}`);
const submit = register("slack", { pane: slack, show, say, idea });
byId("slack-twice").addEventListener("click", () => submit({ twice: true }));
replying.lastElementChild.addEventListener("click", () => reply(open.surface, ""));
if (connected) {
  byId("slack-route").textContent = `POST /webhooks/slack/${ROUTES.channel}`;
  for (const button of frame.querySelectorAll(".tabs button")) {
    button.addEventListener("click", () => turnTo(button.dataset.tab));
  }
  byId("slack-mention").addEventListener("click", () => {
    text.value = `${frame.dataset.mention} ${text.value}`;
    text.focus();
  });
  byId("slack-platform").addEventListener("change", (event) =>
    act({ do: "platform", platform: event.target.value }),
  );
}
