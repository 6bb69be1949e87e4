// Follows long work: shows the page's part "progress" anew, and at the end the whole page.
"use strict";

const EVERY_MS = 2000;

async function look() {
  const shown = document.getElementById("progress");
  if (!shown || !("open" in shown.dataset)) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok && !response.redirected) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("progress");
      if (!fresh || !("open" in fresh.dataset)) {
        location.reload();
        return;
      }
      if (fresh.outerHTML !== shown.outerHTML) shown.replaceWith(fresh);
    } else if (response.redirected) {
      return;
    }
  } catch {
    // The bot restarts: the next look finds it again.
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
