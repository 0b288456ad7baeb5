// One key for what is done all day.
import { acknowledge, alertOf, close, isAlert, reader } from "./alerts.js";
import { $ } from "./dom.js";
import { go, place } from "./place.js";

const isTyping = (element) => element.matches("input:not([type=checkbox]), select, textarea");
const open = () => document.querySelector("dialog[open]");

// The list that the keys move in: the one with the focus, else the alerts.
function list() {
  return $("events").contains(document.activeElement) || (place().event && !place().alert) ? $("events") : $("alerts");
}

function move(step) {
  const items = [...list().querySelectorAll("[data-id]")];
  const shown = place().alert || place().event;
  const here = items.findIndex((item) => item.dataset.id === shown || item.contains(document.activeElement));
  const next = items[here < 0 ? 0 : Math.min(items.length - 1, Math.max(0, here + step))];
  if (!next) return;
  next.querySelector("button.title").focus();
  next.scrollIntoView({ block: "nearest" });
  if (place().alert) go({ alert: next.dataset.id });
  else if (place().event) go({ event: next.dataset.id });
}

function decide(act) {
  const id = place().alert || document.activeElement.closest("[data-id]")?.dataset.id;
  if (reader.may_write && isAlert(id)) act(alertOf(id));
}

const ACTS = {
  "/": () => { $("search").elements.q.focus(); $("search").elements.q.select(); },
  j: () => move(1),
  k: () => move(-1),
  a: () => decide((alert) => alert.status === "open" && acknowledge(alert)),
  c: () => decide(close),
  p: () => go({ people: place().people ? "" : "true" }),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isTyping(event.target) && !open()) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !ACTS[event.key]) return;
  const dialog = open();
  if (dialog && !(dialog === $("detail") && "jkac".includes(event.key))) return;
  event.preventDefault();
  ACTS[event.key]();
});
$("keys").addEventListener("click", ACTS["?"]);
