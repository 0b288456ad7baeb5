// The search: its results, counts over time and commonest values.
import { call, explain, parameters } from "./api.js";
import { $, button, clock, make } from "./dom.js";
import { go, place } from "./place.js";

const FIELDS = "user.name,event.action,orchestrator.resource.type,orchestrator.namespace";
let after = null;
let asking = null;

// Whether the query was understood.
export async function search(more = false) {
  asking?.abort(); // an older answer must not come after a newer one
  asking = new AbortController();
  const { q, since, until, people } = place();
  const wanted = { q, since, until, people, size: 100, ...(more ? { after } : { histogram: 80, top: FIELDS }) };
  const started = performance.now();
  try {
    const page = await call(`events?${parameters(wanted)}`, undefined, asking.signal);
    $("problem").textContent = "";
    if (more) $("events").append(...page.events.map(row));
    else show(page, performance.now() - started);
    after = page.after;
    $("more").hidden = !after;
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    $("problem").textContent = explain(error);
    $("found").textContent = "Below is what the search before found.";
    return false;
  }
}

function show(page, milliseconds) {
  const count = `${page.exact ? "" : "at least "}${page.total.toLocaleString("en")}`;
  const left = page.left_out.length
    ? ` Not counted, for it would take too long: ${page.left_out.join(", ")}. A shorter span of time helps.` : "";
  $("found").textContent = `${count} ${page.total === 1 ? "event" : "events"}, ${Math.round(milliseconds)} ms.${left}`;
  $("hidden").textContent = lens(page.hidden);
  $("events").replaceChildren(...page.events.map(row));
  $("fresh").hidden = true;
  drawHistogram(page.histogram ?? []);
  drawTop(page.top ?? {});
}

function lens(hidden) {
  if (!place().people) return "";
  if (!hidden) return "· hiding machine traffic; how much would take too long to count";
  return `· hiding ${(hidden.share * 100).toFixed(1)} % machine traffic`;
}

function row(event) {
  return make("tr", { "data-id": event.tallyman.id },
    make("td", {}, make("time", { datetime: event["@timestamp"] }, clock(event["@timestamp"]))),
    make("td", {}, button(event.message, () => go({ event: event.tallyman.id }), { class: "title" })),
    make("td", { class: event.event.outcome }, event.event.outcome));
}

function drawHistogram(bars) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const width = bars.length > 1 ? new Date(bars[1].start) - new Date(bars[0].start) : 0;
  const end = (bar) => new Date(new Date(bar.start).getTime() + width).toISOString().replace(".000", "");
  $("histogram").replaceChildren(...bars.map((bar, number) => {
    const text = `${bar.count.toLocaleString("en")} ${bar.count === 1 ? "event" : "events"} from ${clock(bar.start)}`;
    const height = make("span");
    height.style.height = `${bar.count ? Math.max(4, 100 * bar.count / most) : 0}%`;
    const zoom = () => width && go({ since: bar.start, until: end(bar) });
    return button(height, zoom, { title: text, "aria-label": text, tabindex: number ? -1 : 0 });
  }));
  $("axis-start").textContent = bars.length ? clock(bars[0].start) : "";
  $("axis-end").textContent = bars.length ? clock(end(bars.at(-1))) : "";
}

// One bar can be reached by Tab; from there the arrows go on.
$("histogram").addEventListener("keydown", (event) => {
  const next = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
  if (next) document.activeElement[next]?.focus();
});

export const quoted = (value) => `"${String(value).replace(/["\\]/g, "\\$&")}"`;

export function narrowed(field, value) {
  const { q } = place();
  return `${q ? `${/\bor\b/i.test(q) ? `(${q})` : q} and ` : ""}${field}:${quoted(value)}`;
}

function drawTop(top) {
  const known = Object.entries(top).filter(([, values]) => values?.length);
  const one = (field) => ({ value, count }) => button([String(value), make("small", {}, count.toLocaleString("en"))],
    () => go({ q: narrowed(field, value) }), { title: "Only these" });
  $("top").replaceChildren(...known.map(([field, values]) =>
    make("div", {}, make("b", {}, field), make("p", {}, values.slice(0, 5).map(one(field))))));
}
