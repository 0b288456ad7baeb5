// Hears of new alerts and events as they come, while the page is looked at.
import { loadAlerts } from "./alerts.js";
import { parameters } from "./api.js";
import { $ } from "./dom.js";
import { place } from "./place.js";

let stream = null;
let waiting = 0; // new events that are not shown yet
let due = null;

export function listen() {
  stream?.close();
  stream = null;
  waiting = 0;
  $("fresh").hidden = true;
  if (!$("live").checked || document.hidden) return;
  const { q, people, until } = place();
  stream = new EventSource(`/api/v1/stream?${parameters({ q, people, events: !until })}`);
  stream.addEventListener("alert", soon);
  stream.addEventListener("event", () => {
    waiting += 1;
    $("fresh").textContent = `${waiting.toLocaleString("en")} new: show`;
    $("fresh").hidden = false;
  });
}

// Many alerts at once are one look at the list.
function soon() {
  due ??= setTimeout(() => { due = null; loadAlerts(); }, 300);
}

$("live").addEventListener("change", listen);
document.addEventListener("signed-out", () => { stream?.close(); stream = null; });
document.addEventListener("visibilitychange", () => { // a hidden page holds no connection
  if (!$("live")) return; // signed out
  listen();
  if (!document.hidden) loadAlerts();
});
