// The form: which route, from which origin, with what; kept, so that a reload does not lose it.
import { $, TOKEN, element } from "./dom.js";
import { optionsOf } from "./call.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const KEPT = "corsbp try";

let about; // the app, its routes, the origins
let picked = null; // a route

const credentials = () => document.querySelector("input[name=credentials]:checked").value;
const hasBody = (method) => !["GET", "HEAD"].includes(method);
export const isSimulated = (origin) => about.named.includes(origin);
export const pathOf = ({ url }) => (url.startsWith(`${about.app}/`) ? url.slice(about.app.length) : url);

function headerPairs() {
  const pairs = [];
  for (const [index, line] of $("headers").value.split("\n").entries()) {
    if (!line.trim()) continue;
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`Line ${index + 1} is no header: write name: value`);
    pairs.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return pairs;
}

export function call() {
  const method = $("method").value;
  const body = hasBody(method) && $("body").value ? $("body").value : null;
  const url = /^https?:/.test($("path").value) ? $("path").value : about.app + $("path").value.replace(/^\/?/, "/");
  const cookie = $("cookie").value.trim();
  return { origin: $("origin").value, url, method, headers: headerPairs(), credentials: credentials(), cookie, body };
}

function inWords(route) {
  if (route.websocket) return `A WebSocket, which fetch cannot call. In a terminal: corsbp explain ${about.target} ${route.example ?? route.path} --origin ${$("origin").value}`;
  if (route.policy) return `${route.own ? "its own policy, ctx_cors" : route.section}: ${route.policy}`;
  return route.section ? `${route.section}, without CORS: ctx_cors=False` : "in no section: no CORS";
}

function showRoutes() {
  const documentation = [];
  for (const [index, route] of about.routes.entries()) {
    const radio = element("input", { type: "radio", name: "route", value: index });
    radio.disabled = !route.websocket && !route.example;
    const host = route.host ? ` at ${route.host}` : "";
    const where = !route.policy ? "no CORS" : route.own ? "its own policy" : route.section;
    const kind = route.websocket ? "WebSocket" : route.methods.join(", ");
    const label = element(
      "label",
      {},
      radio,
      element("code", {}, route.path + host),
      element("span", { class: "hint" }, `${kind} · ${where}`),
    );
    if (route.documentation) documentation.push(label);
    else $("routes").append(label);
  }
  if (documentation.length) {
    const summary = element("summary", {}, `Documentation (${documentation.length})`);
    $("routes").append(element("details", { id: "documentation" }, summary, ...documentation));
  }
}

function showOrigins() {
  const group = (label, options) => element("optgroup", { label }, ...options);
  const here = about.origins.map(({ origin, word }) => element("option", { value: origin }, `${origin} (${word})`));
  const named = about.named.map((origin) => element("option", { value: origin }, `${origin} (simulated)`));
  $("origin").append(group("On this machine, in this browser", here));
  if (named.length) $("origin").append(group("Named by a policy", named));
}

function pick(route) {
  picked = route;
  const served = route ? route.methods : [];
  const group = (label, methods) =>
    element("optgroup", { label }, ...methods.map((method) => element("option", {}, method)));
  const others = METHODS.filter((method) => !served.includes(method));
  $("method").replaceChildren(
    ...(served.length ? [group("served here", served)] : []),
    ...(others.length ? [group("not served here", others)] : []),
  );
  const index = about.routes.indexOf(route);
  for (const radio of $("routes").querySelectorAll("input")) radio.checked = radio.value === `${index}`;
}

function choose(method) {
  if (![...$("method").options].some((option) => option.value === method)) $("method").append(element("option", {}, method));
  $("method").value = method;
}

// The route that a typed path leads to: that which was picked, as long as the path fits; else the one with the
// fewest parameters, as Sanic's router finds it.
function routeOf(path) {
  const fits = (route) => {
    const parts = route.path.split(/<[^>]*>/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const parameter = route.path.includes(":path>") ? ".+" : "[^/]+";
    return new RegExp(`^${parts.join(parameter)}/?$`).test(path);
  };
  if (picked && fits(picked)) return picked;
  const rank = ({ path, websocket }) => path.split("<").length + (path.includes(":path>") ? 50 : 0) + (websocket ? 100 : 0);
  return about.routes.filter(fits).sort((one, other) => rank(one) - rank(other))[0] ?? null;
}

function follow() { // what depends on other fields
  const typed = $("path").value.replace(/[?#].*/s, "");
  const route = routeOf(typed);
  if (route !== picked) {
    const method = $("method").value;
    pick(route);
    choose(method);
  }
  $("policy").textContent = route ? inWords(route) : "No route has this path.";
  $("run").toggleAttribute("disabled", Boolean(route?.websocket));
  $("body-field").hidden = !hasBody($("method").value);
  $("simulated").hidden = !isSimulated($("origin").value);
  try {
    const made = call();
    const options = optionsOf(made);
    if (options.headers.length) options.headers = Object.fromEntries(options.headers);
    else delete options.headers;
    $("code").textContent = `// in a page of ${made.origin}\nawait fetch(${JSON.stringify(made.url)}, ${JSON.stringify(options, null, 2)})`;
    $("headers").removeAttribute("aria-invalid");
    $("headers-error").textContent = "";
  } catch { /* said when it is run */ }
}

function find() {
  const words = $("filter").value.toLowerCase().split(/\s+/);
  let found = 0;
  for (const label of $("routes").querySelectorAll("label")) {
    label.hidden = !words.every((word) => label.textContent.toLowerCase().includes(word));
    found += !label.hidden;
  }
  if ($("documentation")) $("documentation").open = $("filter").value !== "";
  $("none").hidden = found > 0;
}

export function remember(made) {
  const kept = new URLSearchParams({ call: `${made.method} ${pathOf(made)}`, origin: made.origin, credentials: made.credentials });
  if ($("headers").value) kept.set("headers", $("headers").value);
  if (made.body !== null) kept.set("body", made.body);
  if (picked) kept.set("route", picked.path);
  try {
    sessionStorage.setItem(KEPT, kept);
  } catch { /* this browser keeps nothing */ }
}

function remembered() {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

// A link with #call=GET%20/path&origin=…&token=… runs by itself, and tells the server what is shown: for tests
// without a driver. The token keeps other pages from making such links.
function recall() {
  const link = new URLSearchParams(location.hash.slice(1));
  const byItself = link.get("token") === TOKEN;
  const kept = byItself ? link : new URLSearchParams(remembered());
  history.replaceState(null, "", location.pathname);
  const [, method, path] = /^(\S+) (.*)$/s.exec(kept.get("call") ?? "") ?? [];
  const fits = (route) => !route.websocket && route.example;
  const same = (one, other) => one.replace(/\/$/, "") === other.replace(/\/$/, "");
  const route = about.routes.find(
    (each) =>
      fits(each) &&
      (!method || (each.methods.includes(method) && (each.path === kept.get("route") || same(each.example, path)))),
  );
  pick(route ?? null);
  if (route) $("path").value = route.example;
  if (method) {
    choose(method);
    $("path").value = path;
  }
  if ([...$("origin").options].some(({ value }) => value === kept.get("origin"))) $("origin").value = kept.get("origin");
  for (const radio of document.querySelectorAll("input[name=credentials]"))
    if (radio.value === kept.get("credentials")) radio.checked = true;
  for (const name of ["headers", "body", "cookie"]) $(name).value = kept.get(name) ?? "";
  follow();
  return byItself;
}

// Fills the form; returns whether a link asks to run it.
export function begin(told) {
  about = told;
  $("target").textContent = about.target;
  $("app").textContent = about.app;
  $("own").textContent = location.origin;
  document.title = `corsbp try ${about.target}`;
  showOrigins();
  showRoutes();
  const byItself = recall();
  $("routes").addEventListener("change", (event) => {
    const route = about.routes[event.target.value];
    pick(route);
    $("path").value = route.example ?? route.path;
    follow();
  });
  $("filter").addEventListener("input", find);
  $("form").addEventListener("input", follow);
  return byItself;
}
