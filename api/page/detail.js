// One alert or one event, whole, beside the lists.
import { decisions } from "./alerts.js";
import { call } from "./api.js";
import { $, button, clock, facts, make, pretty } from "./dom.js";
import { evidence, usualByDetector } from "./evidence.js";
import { quoted } from "./events.js";
import { go, place } from "./place.js";

const MOST_EVENTS = 10;

// Shows what the place names, and nothing if it names nothing.
export async function showDetail() {
  const { alert, event, entity, cluster } = place();
  if (!alert && !event && !entity) { $("detail").close(); return; }
  try {
    const [title, children] = await (alert ? wholeAlert(alert) : event ? wholeEvent(event) : wholeEntity(entity, cluster));
    const now = place();
    if (now.alert === alert && now.event === event && now.entity === entity && now.cluster === cluster) show(title, children);
  } catch (error) { show("Not found", [make("p", { class: "problem" }, error.message)]); }
}

function show(title, children) {
  $("detail-title").textContent = title;
  $("detail-body").replaceChildren(...children.flat().filter(Boolean));
  if (!$("detail").open) $("detail").showModal();
  $("detail").scrollTop = 0;
}

async function wholeAlert(id) {
  const alert = await call(`alerts/${id}`);
  const { document, history } = alert;
  const { rule, ancestors = [] } = document.kibana.alert;
  const { matched = {}, controls = [], evidence: found } = document.tallyman?.alert ?? {};
  return [rule.name, [
    make("p", { class: "sentence" }, alert.reason),
    make("div", { class: "acts" },
      make("span", { class: `badge ${alert.severity}` }, alert.severity), decisions(alert), others(document)),
    make("h3", {}, "Why"),
    make("p", {}, rule.description ?? ""),
    facts(Object.entries(matched).map(([field, value]) => [field, make("mark", {}, shortest(value))])),
    evidence(found),
    make("h3", {}, "Facts"),
    facts([["Status", alert.closed_as ? `${alert.status}: ${worded(alert.closed_as)}` : alert.status],
      ["Matches", alert.count], ["From", clock(alert.start)],
      ["To", alert.count > 1 ? clock(alert.end) : ""], ["User", alert.user], ["ATT&CK", document.threat?.technique?.id],
      ["Controls", controls], ["Ordinary when", rule.false_positives?.join("; ")], ["Rule", rule.rule_id],
      ["Read more", links(rule.references)], ["Alert", alert.id]]),
    history.length > 0 && make("h3", {}, "What was decided"),
    facts(history.map((step) => [clock(step.time), told(step)])),
    make("h3", {}, ancestors.length > 1 ? "Events" : "Event"),
    await witnesses(ancestors),
  ]];
}

const shortest = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const worded = (reason) => reason.replaceAll("_", " ");
const told = ({ user, action, reason, note, scope }) =>
  [user, action, reason && worded(reason), scope === "group" && "for all peers", note].filter(Boolean).join(" · ");

// The events that an alert rests on.
async function witnesses(ancestors) {
  const ids = [...new Set(ancestors.map((each) => each.id))];
  const found = await Promise.allSettled(ids.slice(0, MOST_EVENTS).map((id) => call(`events/${id}`)));
  const line = ({ event }, id) => make("li", {},
    make("time", {}, clock(event["@timestamp"])), button(event.message, () => go({ event: id }), { class: "title" }));
  const lines = found.map(({ value, reason }, number) => (value ? line(value, ids[number]) : make("li", {}, reason.message)));
  if (ids.length > MOST_EVENTS) lines.push(make("li", {}, `and ${ids.length - MOST_EVENTS} more`));
  return make("ul", { class: "witnesses" }, lines);
}

function links(addresses = []) {
  const safe = addresses.filter((address) => address.startsWith("https://"));
  const link = (address) => make("a", { href: address, target: "_blank", rel: "noreferrer" }, `${address} `);
  return safe.length ? make("span", {}, safe.map(link)) : "";
}

// Ways on: what else this user, or this address, did.
function others(document) {
  const look = (text, q) => button(text, () => go({ q, since: "", until: "", people: "", alert: "", event: "", entity: "", cluster: "" }));
  const user = document.user?.name;
  const address = document.source?.ip;
  return [
    user && look(`What else did ${user} do?`, `user.name:${quoted(user)}`),
    user && button("What is usual?", () => go({ entity: user, ...known(document) })),
    address && look(`Who else came from ${address}?`, `source.ip:${quoted(address)}`),
  ];
}

// What is usual for somebody, by detector, and the latest alerts.
// The entity that a detector's alert is about, and where it is.
function known({ tallyman }) {
  const { entity, cluster } = tallyman?.alert?.evidence ?? {};
  return entity && { entity, cluster: cluster ?? "" };
}

async function wholeEntity(name, cluster) {
  const there = cluster && `?${new URLSearchParams({ cluster })}`;
  const { usual, alerts, as_of: written } = await call(`entities/${encodeURIComponent(name)}${there}`);
  const line = (alert) => make("li", {}, make("time", {}, clock(alert.start)),
    make("span", { class: `badge ${alert.severity}` }, alert.severity),
    button(alert.reason, () => go({ alert: alert.id }), { class: "title" }));
  return [name, [
    make("div", { class: "acts" }, others({ user: { name } })[0]),
    ...usualByDetector(usual, (detector) => `Usual, as of ${clock(written)} (${detector})`),
    alerts.length > 0 && make("h3", {}, "Alerts"),
    make("ul", { class: "witnesses" }, alerts.map(line)),
  ]];
}

async function wholeEvent(id) {
  const { event, command } = await call(`events/${id}`);
  const raw = event.event?.original ?? "";
  const known = { ...event, docker: undefined, event: { ...event.event, original: undefined }, // without the record
    kubernetes: { ...event.kubernetes, audit: undefined } };
  return [event.message, [
    make("div", { class: "acts" }, others(event)),
    facts([["Time", clock(event["@timestamp"])], ["User", event.user?.name], ["As", event.user?.effective?.name],
      ["From", event.source?.ip], ["Client", event.user_agent?.original], ["Outcome", event.event.outcome],
      ["Because", event.event.reason], ["File", event.log?.file?.path], ["SHA-256", event.event.hash]]),
    command && make("h3", {}, "As a command"),
    command && make("p", { class: "command" },
      make("code", {}, command), button("Copy", (click) => copy(command, click.target))),
    make("h3", {}, "Record"), make("pre", { tabindex: 0 }, pretty(raw)),
    folded("Record, as it was read", raw), folded("ECS fields", JSON.stringify(known, null, 2)),
  ]];
}

const folded = (title, text) => make("details", {}, make("summary", {}, title), make("pre", { tabindex: 0 }, text));

async function copy(text, where) {
  try {
    await navigator.clipboard.writeText(text);
    where.textContent = "Copied";
  } catch { where.textContent = "Copy it by hand"; } // a browser allows it on https and loopback only
}

$("detail").addEventListener("close", () => { if (place().alert || place().event || place().entity) go({ alert: "", event: "", entity: "", cluster: "" }); });
document.addEventListener("decided", ({ detail }) => {
  if (place().alert && detail.startsWith(place().alert)) showDetail();
});
