// Lists alerts, searches events and shows one of either; talks to /api/v1 and nothing else.
const $ = (id) => document.getElementById(id);
const state = { after: null, query: null };

async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`/api/v1/${path}`, options);
  const data = await answer.json();
  if (answer.status === 401) $("summary").textContent = "Signed out: open the link that the command line printed, or make one with `tallyman token login`.";
  if (!answer.ok) throw new Error(data.detail ?? answer.statusText);
  return data;
}

function make(tag, attributes = {}, ...children) { // text is always text: nothing from a log becomes markup
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function clock(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text ?? "";
  if (!$("local").checked) return date.toISOString().replace("T", " ").slice(0, 19) + "Z";
  return date.toLocaleString("sv"); // the Swedish form is ISO's
}

// ---- alerts

function alertItem(alert) {
  const triage = (action, label) => make("button", { onclick: () => decide(alert, action) }, label);
  return make("li", { class: alert.severity },
    make("div", { class: "head" },
      make("span", { class: `badge ${alert.severity}` }, alert.severity),
      make("button", { onclick: () => showAlert(alert.id) }, alert.rule_name),
      alert.count > 1 ? make("span", { title: "matches in this alert" }, `× ${alert.count}`) : null),
    make("div", { class: "sentence" }, alert.reason),
    make("div", { class: "meta" }, clock(alert.start), alert.status,
      alert.status === "open" ? triage("acknowledge", "Acknowledge") : null,
      alert.status !== "closed" ? triage("close", "Close…") : triage("reopen", "Reopen")));
}

async function loadAlerts() {
  const filter = new URLSearchParams(new FormData($("alert-filter")));
  const page = await call(`alerts?${filter}&size=100`);
  $("alerts").replaceChildren(...page.alerts.map(alertItem));
  if (!page.alerts.length) $("alerts").append(make("li", {}, "Nothing here. `tallyman scan FILE` looks at a file of your own."));
  const counts = Object.entries(page.open).map(([severity, count]) => `${count} ${severity}`).join(" · ");
  $("summary").textContent = counts ? `Open: ${counts}` : "No open alerts";
  document.title = counts ? `Tallyman: ${counts}` : "Tallyman";
}

async function decide(alert, action) {
  const body = { ids: [alert.id], action };
  if (action === "close") {
    body.reason = window.prompt("Why? true_positive, benign_positive, false_positive, duplicate or other", "benign_positive");
    if (!body.reason) return;
  }
  try { await call("alerts/triage", body); } catch (error) { window.alert(error.message); }
  await loadAlerts();
}

async function showAlert(id) {
  const alert = await call(`alerts/${id}`);
  const rule = alert.document.kibana.alert.rule;
  const matched = Object.entries(alert.document.tallyman?.alert?.matched ?? {});
  const user = alert.document.user?.name;
  show(rule.name, [
    make("p", {}, alert.reason),
    facts([["Severity", alert.severity], ["Status", alert.status], ["Matches", alert.count], ["From", clock(alert.start)], ["To", clock(alert.end)],
      ["ATT&CK", (alert.document.threat?.technique?.id ?? []).join(", ")], ["Controls", (alert.document.tallyman?.alert?.controls ?? []).join(", ")],
      ["Ordinary when", (rule.false_positives ?? []).join("; ")]]),
    make("h3", {}, "Why"), make("p", {}, rule.description ?? ""),
    facts(matched.map(([field, value]) => [field, make("mark", {}, typeof value === "string" ? value : JSON.stringify(value))])),
    user ? make("button", { onclick: () => { $("detail").close(); search({ q: `user:"${user}"` }); } }, `What else did ${user} do?`) : null,
    make("h3", {}, "Activity"), ...alert.history.map((row) => make("p", {}, `${clock(row.time)} ${row.user}: ${row.action} ${row.reason ?? ""} ${row.note ?? ""}`)),
    make("h3", {}, "Events"), ...(alert.document.kibana.alert.ancestors ?? []).map((each) => make("p", {}, make("button", { onclick: () => showEvent(each.id) }, each.id))),
  ]);
}

// ---- events

function words(form) {
  const query = form.q || "";
  return form.people ? (query ? `(${query}) and ` : "") + "who:(human or anonymous)" : query;
}

async function search(form, more = false) {
  if (!more) {
    for (const name of ["q", "since"]) $("search").elements[name].value = form[name] ?? "";
    state.query = new URLSearchParams({ q: words(form), ...(form.since ? { since: form.since } : {}), ...(form.until ? { until: form.until } : {}) });
    history.replaceState(null, "", `#${new URLSearchParams(Object.entries(form).filter(([, value]) => value))}`);
  }
  $("problem").textContent = "";
  const started = performance.now();
  try {
    const page = await call(`events?${state.query}&size=100${more && state.after ? `&after=${encodeURIComponent(state.after)}` : ""}${more ? "" : "&histogram=60&top=user.name,event.action,orchestrator.resource.type,orchestrator.namespace"}`);
    const rows = page.events.map(eventRow);
    const body = $("events").tBodies[0];
    if (more) body.append(...rows); else {
      body.replaceChildren(...rows);
      $("found").textContent = `${page.total.toLocaleString()} events, ${Math.round(performance.now() - started)} ms`;
      drawHistogram(page.histogram ?? [], form);
      drawTop(page.top ?? {}, form);
    }
    state.after = page.after;
    $("more").hidden = !page.after;
  } catch (error) { $("problem").textContent = error.message; }
}

function eventRow(event) {
  return make("tr", {},
    make("td", {}, clock(event["@timestamp"])),
    make("td", {}, make("button", { onclick: () => showEvent(event.tallyman.id) }, event.message)),
    make("td", { class: event.event.outcome }, event.event.outcome));
}

function drawHistogram(buckets, form) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  $("histogram").replaceChildren(...buckets.map((bucket, index) => {
    const bar = make("button", { title: `${clock(bucket.start)}: ${bucket.count}`, "aria-label": `${bucket.count} events from ${clock(bucket.start)}`,
      onclick: () => search({ ...form, since: bucket.start, until: buckets[index + 1]?.start }) });
    bar.style.height = `${bucket.count ? Math.max(3, 100 * bucket.count / most) : 0}%`;
    return bar;
  }));
}

function drawTop(top, form) {
  const narrow = (field, value) => search({ ...form, q: (form.q ? `(${form.q}) and ` : "") + `${field}:"${String(value).replace(/["\\]/g, "\\$&")}"` });
  $("top").replaceChildren(...Object.entries(top).filter(([, values]) => values.length).map(([field, values]) =>
    make("div", {}, make("b", {}, field), ...values.slice(0, 5).map(({ value, count }) =>
      make("button", { onclick: () => narrow(field, value), title: "only these" }, `${value} ${count}`)))));
}

async function showEvent(id) {
  const found = await call(`events/${id}`);
  const document = found.event;
  const raw = document.event?.original ?? "";
  show(document.message, [
    facts([["Time", clock(document["@timestamp"])], ["User", document.user?.name], ["From", document.source?.ip], ["Client", document.user_agent?.original],
      ["Outcome", document.event.outcome], ["Why", document.event.reason], ["SHA-256 of the record", document.event.hash]]),
    found.command ? make("p", {}, "As a command: ", make("code", {}, found.command)) : null,
    make("h3", {}, "Record, as it was read"), make("pre", {}, pretty(raw)),
    make("details", {}, make("summary", {}, "ECS document"), make("pre", {}, JSON.stringify(document, (key, value) => key === "original" ? undefined : value, 2))),
  ]);
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function facts(pairs) {
  return make("dl", {}, ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").flatMap(([name, value]) =>
    [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : String(value))]));
}

function show(title, children) {
  $("detail-title").textContent = title;
  $("detail-body").replaceChildren(...children.filter(Boolean));
  if (!$("detail").open) $("detail").showModal();
}

// ---- life

let stream = null;
function listen() {
  stream?.close();
  stream = null;
  if (!$("live").checked) return;
  stream = new EventSource("/api/v1/stream?events=false");
  stream.addEventListener("alert", () => loadAlerts());
}

const values = (form) => Object.fromEntries(new FormData(form));
$("alert-filter").addEventListener("change", loadAlerts);
$("search").addEventListener("submit", (event) => { event.preventDefault(); search(values(event.target)); });
$("more").addEventListener("click", () => search({}, true));
$("live").addEventListener("change", listen);
$("local").checked = localStorage.getItem("local") === "true";
$("local").addEventListener("change", () => { localStorage.setItem("local", $("local").checked); loadAlerts(); search(values($("search"))); });
await loadAlerts();
await search(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
listen();
