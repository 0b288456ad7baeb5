// Makes elements. Text is always text: nothing from a log becomes markup.
export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, text);
}

// A list of names and values, without the empty ones.
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "" && value.length !== 0);
  const text = (value) => (Array.isArray(value) ? value.join(", ") : String(value));
  return make("dl", {}, told.map(([name, value]) =>
    [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : text(value))]));
}

// Puts `items` in place of what is there; who had the focus keeps it, if it is still among them.
export function refill(list, items) {
  const focused = list.contains(document.activeElement) && document.activeElement.closest("[data-id]")?.dataset.id;
  list.replaceChildren(...items);
  if (focused) [...list.children].find((item) => item.dataset.id === focused)?.querySelector("button")?.focus();
}

// A time as the reader wants it: UTC, or local. The Swedish form is ISO's.
export function clock(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text ?? "";
  return $("local").checked ? date.toLocaleString("sv") : `${date.toISOString().replace("T", " ").slice(0, 19)}Z`;
}

// JSON with line breaks and indents. It is cut, not read: every digit and every repeated key stays.
export function pretty(text) {
  try { JSON.parse(text); } catch { return text; }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const spread = text.replace(/"(?:\\.|[^"\\])*"|[{}[\],:]|\s+/g, (part) => {
    if (part.startsWith("\"")) return part;
    if (part === "{" || part === "[") { depth += 1; return part + line(); }
    if (part === "}" || part === "]") { depth -= 1; return line() + part; }
    return part === "," ? part + line() : part === ":" ? ": " : "";
  });
  return spread.replace(/([{[])\s*\n\s*([}\]])/g, "$1$2");
}
