"use strict";
// The calls of scenarios, in a page. Each returns what the page sees of its result.

const calls = {
  async fetch(url, options) {
    const response = await fetch(url, options);
    return readable(response, await response.text());
  },

  // reads what comes at first, and leaves the rest
  async stream(url, options) {
    const response = await fetch(url, options);
    const reader = response.body.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return readable(response, new TextDecoder().decode(value));
  },

  // an XMLHttpRequest with a listener on its upload
  upload(url, { method, headers, body, credentials }) {
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", () => {});
    request.open(method, url);
    request.withCredentials = credentials === "include";
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    return new Promise((resolve) => {
      request.addEventListener("error", () => resolve("TypeError"));
      request.addEventListener("load", () => {
        const lines = request.getAllResponseHeaders().trim().split(/[^ -~]+/);
        const headers = Object.fromEntries(lines.map((line) => line.split(": ")));
        const { status, responseURL, responseText } = request;
        resolve({ status, url: responseURL, headers, body: responseText });
      });
      request.send(body);
    });
  },

  socket(url) {
    const socket = new WebSocket(url.replace("http", "ws"));
    return new Promise((resolve) => {
      socket.onerror = () => resolve("error");
      socket.onopen = () => resolve("open");
    }).finally(() => socket.close());
  },

  // a page sees only whether the browser takes the beacon: the server knows whether it arrives
  async beacon(url, { body, content_type, arrived }) {
    const data = content_type ? new Blob([body], { type: content_type }) : body;
    if (!navigator.sendBeacon(url, data)) return "refused";
    return (await fetch(arrived)).text();
  },

  image(url, { crossorigin }) {
    const image = new Image();
    if (crossorigin) image.crossOrigin = crossorigin;
    image.src = url;
    return happened(image, "load", "error");
  },

  script(url, { crossorigin }) {
    const script = Object.assign(document.createElement("script"), { type: "module", src: url });
    if (crossorigin) script.crossOrigin = crossorigin;
    document.head.append(script);
    return happened(script, "load", "error");
  },

  navigate: (url) => openWindow((name) => window.open(url, name)),

  form: (url, { body, content_type }) =>
    openWindow((name) => {
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: url, target: name });
      if (content_type) form.enctype = content_type;
      for (const [name, value] of new URLSearchParams(body ?? ""))
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      document.body.append(form);
      form.submit();
      form.remove();
    }),
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const happened = (target, ...events) =>
  new Promise((resolve) => events.forEach((event) => target.addEventListener(event, () => resolve(event))));

function readable(response, body) {
  const { type, status, url } = response;
  return { type, status, url, headers: Object.fromEntries(response.headers), body };
}

// A new window, whose page posts its address. Without one, the browser stays where it is.
let windows = 0;
async function openWindow(open) {
  const posted = new Promise((resolve) =>
    window.addEventListener("message", ({ data }) => resolve(data), { once: true }),
  );
  open(`window-${Date.now()}-${windows++}`);
  return Promise.race([posted, sleep(20000).then(() => "nothing")]); // which no scenario expects
}

async function performAll(all) {
  const results = [];
  for (const { kind, url, ...options } of all) {
    try {
      results.push(await calls[kind](url, options));
    } catch (error) {
      results.push(error.name);
    }
  }
  return results;
}

// In a sandboxed frame, or in one with an embedder policy.
async function performInFrame(all, source, address) {
  const frame = document.createElement("iframe");
  const loaded = happened(frame, "load");
  if (address) frame.src = address;
  else frame.sandbox = "allow-scripts allow-forms allow-popups";
  const code = `${source}\nperformAll(${JSON.stringify(all)}).then((results) => parent.postMessage(results, "*"));`;
  if (!address) frame.srcdoc = `<body><script>${code}</${"script"}>`;
  const results = new Promise((resolve) => window.addEventListener("message", ({ data }) => resolve(data), { once: true }));
  document.body.append(frame);
  if (address) {
    await loaded;
    const script = frame.contentDocument.createElement("script");
    script.textContent = code;
    frame.contentDocument.head.append(script);
  }
  return results.finally(() => frame.remove());
}

async function performJobs(jobs, source) {
  const results = [];
  for (const { cookie, frame, calls } of jobs) {
    if (cookie) {
      document.cookie = cookie;
      void document.cookie; // reading waits until the cookie is stored
    }
    results.push(await (frame === null ? performAll(calls) : performInFrame(calls, source, frame)));
  }
  return results;
}
