// Runs a call: in a hidden frame of another origin, or by the server of this page where there can be none.
import { ask, element } from "./dom.js";

// `no-store`, so that each try asks the app anew.
export function optionsOf({ method, headers, credentials, body }) {
  return { method, headers, credentials, cache: "no-store", ...(body === null ? {} : { body }) };
}

export async function run(call, simulated) {
  const { since } = await ask("/begin", {});
  if (simulated) {
    const told = await ask("/simulate", { ...call, since, readable: null });
    return { outcome: told.outcome, told };
  }
  const cookie = call.cookie;
  if (cookie) document.cookie = /;\s*path=/i.test(cookie) ? cookie : `${cookie}; path=/`;
  try {
    const outcome = await inFrame(call.origin, { url: call.url, options: optionsOf(call) });
    if (outcome.frameless) return { outcome };
    return { outcome, told: await ask("/end", { ...call, since, readable: outcome.error === undefined }) };
  } finally {
    if (cookie) document.cookie = `${cookie.split("=")[0]}=; path=/; max-age=0`;
  }
}

// What a page of `origin` gets.
function inFrame(origin, message) {
  return new Promise((resolve) => {
    const opaque = origin === "null";
    const frame = element("iframe", { title: "a page of another origin", tabindex: "-1", hidden: "" });
    if (opaque) frame.setAttribute("sandbox", "allow-scripts");
    let late;
    const end = (outcome) => {
      clearTimeout(late);
      removeEventListener("message", hear);
      frame.remove();
      resolve(outcome);
    };
    const wait = (ms, frameless) => {
      clearTimeout(late);
      late = setTimeout(end, ms, { frameless });
    };
    function hear(event) {
      if (event.source !== frame.contentWindow || event.origin !== origin) return;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = (answer) => end(answer.data);
      frame.contentWindow.postMessage(message, opaque ? "*" : origin, [port2]);
      wait(20_000, "The frame did not respond.");
    }
    addEventListener("message", hear);
    wait(8_000, `This browser opened no page of ${origin}: it may not know the name, or an extension is in the way.`);
    frame.src = `${opaque ? location.origin : origin}/frame`;
    document.body.append(frame);
  });
}
