// The list of alerts, and decisions about them.
import { call, parameters } from "./api.js";
import { $, button, clock, make, refill } from "./dom.js";
import { go, place } from "./place.js";

const shown = new Map(); // id -> alert
let after = null;
export const reader = { may_write: false };

export const alertOf = (id) => shown.get(id);
export const isAlert = (id) => shown.has(id);

// The buttons that decide about an alert; none for who may only read.
export function decisions(alert) {
  if (!reader.may_write) return [];
  return [
    alert.status === "open" && button("Acknowledge", () => acknowledge(alert)),
    button(alert.status === "closed" ? "Reopen" : "Close…", () => close(alert)),
  ];
}

function item(alert) {
  return make("li", { class: alert.severity, "data-id": alert.id },
    make("div", { class: "head" },
      make("span", { class: `badge ${alert.severity}` }, alert.severity),
      button(alert.rule_name, () => go({ alert: alert.id }), { class: "title" }),
      alert.count > 1 && make("span", { title: "matches in this alert" }, `× ${alert.count}`)),
    make("div", { class: "sentence" }, alert.reason),
    make("div", { class: "meta" },
      make("time", { datetime: alert.start }, clock(alert.start)),
      alert.status === "open" ? null : `${alert.status}${alert.decided_by ? ` by ${alert.decided_by}` : ""}`,
      decisions(alert)));
}

export async function loadAlerts(more = false) {
  const { status, severity } = place();
  try {
    const page = await call(`alerts?${parameters({ status, severity, size: 100, after: more ? after : "" })}`);
    if (!more) shown.clear();
    for (const alert of page.alerts) shown.set(alert.id, alert);
    after = page.after;
    refill($("alerts"), [...shown.values()].map(item));
    if (!shown.size) $("alerts").append(make("li", { class: "none" }, "Nothing here."));
    $("more-alerts").hidden = !after;
    $("alert-problem").textContent = "";
    tell(page.open);
  } catch (error) { $("alert-problem").textContent = error.message; }
}

function tell(open) {
  const counted = ["critical", "high", "medium", "low"].filter((severity) => open[severity]);
  const badge = (severity) => button(`${open[severity]} ${severity}`, () => go({ status: "open", severity }),
    { class: `badge ${severity}`, title: `Show those that are at least ${severity}` });
  $("summary").replaceChildren(counted.length ? "Open: " : "No open alerts", ...counted.map(badge));
  document.title = counted.length ? `${open[counted[0]]} ${counted[0]} · Tallyman` : "Tallyman";
}

export const acknowledge = (alert) => decide(alert, { action: "acknowledge" });

async function decide(alert, decision) {
  try {
    await call("alerts/triage", { ids: [alert.id], version: alert.version, ...decision });
    $("alert-problem").textContent = "";
  } catch (error) { $("alert-problem").textContent = error.message; }
  const problem = $("alert-problem").textContent;
  await loadAlerts();
  document.dispatchEvent(new CustomEvent("decided", { detail: alert.id }));
  $("alert-problem").textContent = problem; // someone else was faster: what there is now is shown below it
}

let closing = null;

// Asks why, and closes; a closed alert is reopened.
export function close(alert) {
  if (alert.status === "closed") { decide(alert, { action: "reopen" }); return; }
  closing = alert;
  $("closing-what").textContent = alert.reason;
  $("closing-form").reset();
  $("closing-scope").hidden = !alert.rule_id.startsWith("behaviour_");
  $("closing").returnValue = "";
  $("closing").showModal();
}

$("closing").addEventListener("close", () => {
  if ($("closing").returnValue !== "close") return;
  const { reason, note, scope } = Object.fromEntries(new FormData($("closing-form")));
  decide(closing, { action: "close", reason, note, scope });
});
