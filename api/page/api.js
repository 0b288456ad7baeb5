// Talks to /api/v1, and to nothing else.
export async function call(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const options = body === undefined ? { signal } : { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(`/api/v1/${path}`, options);
  if (answer.status === 401) {
    document.dispatchEvent(new Event("signed-out"));
    await new Promise(() => {}); // for ever: the page is gone that asked
  }
  const data = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(data.detail ?? `${answer.status} ${answer.statusText}`), data);
  return data;
}

// An error for people; of a query it shows where.
export function explain(error) {
  return error.text ? `${error.message}\n  ${error.text}\n  ${" ".repeat(error.column)}^` : error.message;
}

export function parameters(wanted) {
  const isGiven = ([, value]) => value !== "" && value !== null && value !== undefined;
  return new URLSearchParams(Object.entries(wanted).filter(isGiven));
}
