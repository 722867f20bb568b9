// What the page asks of the server.

/** An error in the server's words. */
export class Refused extends Error {}

const key = () => document.getElementById("key").value.trim();

async function call(method, path, body, signal) {
  const headers = {};
  if (key()) headers["Authorization"] = "Bearer " + key();
  let content = body;
  if (body !== undefined && !(body instanceof Blob)) {
    headers["Content-Type"] = "application/json";
    content = JSON.stringify(body);
  } else if (body !== undefined) {
    headers["Content-Type"] = "application/octet-stream";
  }
  let response;
  try {
    response = await fetch(path, {method, headers, body: content, signal});
  } catch (failed) {
    if (failed.name === "AbortError") throw failed;
    throw new Refused("The server does not answer. Is it still running?");
  }
  if (!response.ok) {
    let message = response.status + " " + response.statusText;
    try {
      message = (await response.json()).error.message;
    } catch {
      // The answer was not in the usual shape; its status has to do.
    }
    throw new Refused(message);
  }
  return response;
}

export const json = async (method, path, body) => (await call(method, path, body)).json();

export const blob = async (path) => (await call("GET", path)).blob();

export const upload = async (path, file) => (await call("POST", path, file)).json();

/** Calls `each` with the object of every server-sent event. */
export async function stream(path, body, signal, each) {
  const response = await call("POST", path, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {value, done} = await reader.read().catch((failed) => {
      if (failed.name === "AbortError") throw failed;
      return {done: true};
    });
    if (done) throw new Refused("The answer broke off before its end. Is the server still running?");
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const event = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (!event.startsWith("data: ")) continue;
      const data = event.slice(6);
      if (data === "[DONE]") return;
      const object = JSON.parse(data);
      if (object.error) throw new Refused(object.error.message);
      each(object);
    }
  }
}
