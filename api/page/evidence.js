// What a detector says: why it told of something, and what is usual for an entity.
import { facts, make } from "./dom.js";

const MOST = 6; // values of one kind

// The terms of a score as a table, each beside what is usual; nothing for an alert of a rule.
export function evidence(found) {
  if (!found?.terms) return [];
  const { terms, rates = [], usual = {} } = found;
  const row = (term) => make("tr", {},
    make("td", { class: "nats" }, signed(term.nats)),
    make("td", {}, make("small", {}, `${term.facet} `), make("mark", {}, term.seen_text ?? term.value)),
    make("td", {}, term.usual_text ?? (some(usual.values?.[term.facet]) || "nothing yet")),
    make("td", {}, peers(term)));
  const heads = ["Nats", "Seen", "Usual", "Peers"].map((name) => make("th", { scope: "col" }, name));
  return [
    make("p", { class: "quiet" }, headline(found)),
    make("div", { class: "wide-table" },
      make("table", { class: "terms" }, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, terms.map(row)))),
    ...rates.map((rate) => make("p", {}, rate.text)),
    found.off_hours > 0 && make("p", {}, `${signed(found.off_hours)} nats: at an unusual hour`),
  ];
}

function headline({ score, risk, expected_every_days: days, watched_days: watched, group }) {
  return [`${score.toFixed(1)} nats of evidence, risk ${risk} of 100`, group && `one of: ${group}`,
    watched !== undefined && (watched ? `watched for ${lasting(watched)}` : "met just now"),
    days && `to be expected at most once ${days === 1 ? "a day" : `every ${days} days`}`].filter(Boolean).join(" · ");
}

// Days as a person would say them: `45 minutes`, `7 hours`, `4.2 days`.
function lasting(days) {
  const [count, name] = days < 1 / 12 ? [Math.round(days * 1440), "minute"]
    : days < 2 ? [Math.round(days * 24), "hour"] : [Number(days.toFixed(1)), "day"];
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

const signed = (nats) => `+${nats.toFixed(1)}`;
const some = (values = []) => values.slice(0, MOST).join(", ") + (values.length > MOST ? ` and ${values.length - MOST} more` : "");
const peers = ({ peers: count, members }) => (members ? `${count} of ${members}` : "");

// What is usual by detector, without what one before has said already.
export function usualByDetector(usual, heading) {
  const said = new Set();
  return Object.entries(usual).flatMap(([detector, known]) => {
    const fresh = usualFacts(known).filter(([name, value]) => !said.has(`${name}=${value}`));
    for (const [name, value] of fresh) said.add(`${name}=${value}`);
    return fresh.length ? [make("h3", {}, heading(detector)), facts(fresh)] : [];
  });
}

function usualFacts(known) {
  const { values = {}, hours, entity, watched_days: watched, ...others } = known;
  const pairs = Object.entries(values).map(([name, found]) => [name, some(found)]);
  if (watched !== undefined) pairs.push(["watched", lasting(watched)]);
  if (hours?.length) pairs.push(["hours (UTC)", spans(hours)]);
  for (const [name, value] of Object.entries(others)) pairs.push([name.replaceAll("_", " "), worded(value)]);
  return pairs;
}

function worded(value) {
  if (Array.isArray(value)) return some(value.map(worded));
  if (value?.usual !== undefined) return `${value.usual}${value.unit ? ` ${value.unit}` : ""}`;
  if (value && typeof value === "object") return some(Object.entries(value).map(([name, each]) => `${name} ${worded(each)}`));
  return value === true ? "yes" : value === false ? "no" : value;
}

// `8-18, 22` of hours of the day.
function spans(hours) {
  const parts = [];
  for (const hour of [...hours].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && last.at(-1) === hour - 1) last[1] = hour; else parts.push([hour]);
  }
  return parts.map((part) => part.join("-")).join(", ");
}
