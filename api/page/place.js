// What is being looked at, kept in the address: it can be shared, and Back works.
import { parameters } from "./api.js";

const DEFAULTS = {
  q: "", since: "", until: "", people: "", // the search
  status: "open", severity: "medium", // the list of alerts
  alert: "", event: "", entity: "", cluster: "", // what is shown whole
};
let current = read();
let changed = () => {};

function read() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, given[name] ?? value]));
}

export const place = () => current;

// Calls `act(now, before)` whenever the place changes.
export function onChange(act) { changed = act; }

// Goes to another place. An alert, an event or an entity is shown, never two of them.
export function go(changes) {
  const before = current;
  const other = changes.alert || changes.event || changes.entity;
  current = { ...current, ...(other && { alert: "", event: "", entity: "", cluster: "" }), ...changes };
  const told = Object.entries(current).filter(([name, value]) => value !== DEFAULTS[name]);
  const hash = parameters(Object.fromEntries(told)).toString();
  if (hash !== location.hash.slice(1)) history.pushState(null, "", hash ? `#${hash}` : location.pathname);
  changed(current, before);
}

window.addEventListener("popstate", () => {
  const before = current;
  current = read();
  changed(current, before);
});
