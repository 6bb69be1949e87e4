// Shows the answers of the sandbox chat when they come. Without it the page is reloaded by hand.
"use strict";

const EVERY_MS = 2000;

async function refresh() {
  const response = await fetch(location.href.split("#")[0], { redirect: "error" });
  if (!response.ok) throw new Error(String(response.status));
  const html = await response.text();
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("chat");
  document.getElementById("chat").replaceWith(fresh);
}

async function watch() {
  while (document.querySelector("#chat[data-waiting]")) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    try {
      await refresh();
    } catch {
      return; // logged out, or the bot restarts: the link on the page still works
    }
  }
}

watch();
