// Puts the page together: reads the place from the address, and shows it.
import { loadAlerts, reader } from "./alerts.js";
import { call } from "./api.js";
import { showDetail } from "./detail.js";
import { $, make } from "./dom.js";
import { search } from "./events.js";
import "./keys.js";
import { listen } from "./live.js";
import { go, onChange, place } from "./place.js";

const SEARCH = ["q", "since", "until", "people"];
const LIST = ["status", "severity"];
const DETAIL = ["alert", "event", "entity", "cluster"];

function fill() {
  for (const name of ["q", "since", "until"]) $("search").elements[name].value = place()[name];
  $("search").elements.people.checked = Boolean(place().people);
  $("all-times").hidden = !place().since && !place().until;
  for (const name of LIST) $("alert-filter").elements[name].value = place()[name];
}

onChange((now, before) => {
  const differs = (names) => names.some((name) => now[name] !== before[name]);
  fill();
  if (differs(SEARCH)) look();
  if (differs(LIST)) loadAlerts();
  if (differs(DETAIL)) showDetail();
});

async function look() {
  if (await search()) listen();
}

function submit() {
  const { q, since, until, people = "" } = Object.fromEntries(new FormData($("search")));
  const same = SEARCH.every((name) => ({ q, since, until, people })[name] === place()[name]);
  if (same) look(); else go({ q, since, until, people });
}

$("search").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("search").elements.people.addEventListener("change", submit);
$("alert-filter").addEventListener("change", (event) => go(Object.fromEntries(new FormData(event.currentTarget))));
$("more").addEventListener("click", () => search(true));
$("more-alerts").addEventListener("click", () => loadAlerts(true));
$("fresh").addEventListener("click", look);
$("all-times").addEventListener("click", () => go({ since: "", until: "" }));
$("logout").addEventListener("click", async () => {
  await call("logout", {});
  document.dispatchEvent(new Event("signed-out"));
});
$("local").checked = localStorage.getItem("local") === "true";
$("local").addEventListener("change", () => {
  localStorage.setItem("local", $("local").checked);
  loadAlerts();
  search();
});

// Nothing that was read stays on the screen.
function signedOut() {
  document.title = "Tallyman";
  document.body.replaceChildren(make("p", { class: "out" },
    "Signed out. ", make("code", {}, "tallyman token login"), " prints a link that opens this page."));
}
document.addEventListener("signed-out", signedOut, { once: true });

// Says which behaviour detectors know too little yet to be trusted.
async function tellLearning() {
  const { detectors = {} } = await call("status");
  const learning = Object.keys(detectors).filter((name) => detectors[name].learning);
  $("learning").textContent = learning.length ? `Still learning what is usual: ${learning.join(", ")}.` : "";
}

async function begin() {
  fill();
  Object.assign(reader, await call("session"));
  $("who").textContent = reader.may_write ? reader.name : `${reader.name} (reads only)`;
  $("logout").hidden = false;
  tellLearning().catch(() => {}); // the lists are there without it
  await Promise.all([loadAlerts(), look()]);
  await showDetail();
}
begin().catch((error) => document.body.append(make("p", { class: "problem" }, error.message)));
