/* The page of the simulator: what is typed goes out, what comes back goes to its pane. */

import { byId, panes, setup } from "./page.js";
import { watchStatus } from "./status.js";

let source = null;
let newest = "";

/** Listen; the browser resumes by itself, and a new session starts with an empty page. */
function connect() {
  source?.close();
  source = new EventSource(setup.events);
  source.onmessage = (received) => {
    const [epoch, number] = received.lastEventId.split(".");
    const [oldEpoch, oldNumber] = newest.split(".");
    if (epoch === oldEpoch && Number(number) <= Number(oldNumber)) return;
    newest = received.lastEventId;
    const event = JSON.parse(received.data);
    const { pane, show } = panes.get(event.pane);
    pane.log.classList.add("spoken");
    show[event.kind]?.(event);
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}

byId("reset").addEventListener("click", async () => {
  source?.close();
  await fetch(setup.reset, { method: "POST" }).catch(() => null);
  for (const { pane } of panes.values()) pane.clear();
  connect();
});
document.addEventListener("session-lost", connect);

/* Only where the model's process is this machine's own. */
const model = byId("model");
model?.addEventListener("change", () => {
  const url = model.dataset.url.replace("STATE", model.value);
  fetch(url, { method: "POST" }).catch(() => null);
});

const today = new Intl.DateTimeFormat("ko", { dateStyle: "full" }).format(new Date());
for (const day of document.querySelectorAll(".day")) day.textContent = today;
connect();
watchStatus();
