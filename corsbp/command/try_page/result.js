// What came of a call: the verdict and what to change first, the reasons and the wire below.
import { $, element, paragraph, title } from "./dom.js";

const list = (pairs) =>
  element(
    "dl",
    {},
    ...pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );

const folded = (summary, ...children) =>
  element("details", { open: "" }, element("summary", {}, summary), element("div", {}, ...children));

function steps(told) {
  const items = told.steps.map(({ text, stop, lost }) =>
    element(
      "li",
      stop ? { class: "stop" } : lost ? { class: "lost" } : {},
      element(
        "span",
        { class: "mark", role: "img", "aria-label": stop ? "stopped:" : lost ? "lost:" : "passed:" },
        stop ? "✗" : lost ? "!" : "✓",
      ),
      element("span", {}, text),
    ),
  );
  return folded("Why", element("ol", { class: "steps" }, ...items));
}

function exchanges(told) {
  const shown = told.seen.map((each) =>
    element(
      "div",
      { class: "exchange" },
      element(
        "p",
        {},
        element("code", {}, `${each.method} ${each.target}`),
        element("span", { class: "hint" }, `${each.preflight ? "preflight, " : ""}${each.status === null ? "no response" : `status ${each.status}`}`),
      ),
      element("h4", {}, "Request headers"),
      list(each.requestHeaders),
      element("h4", {}, each.responseHeaders.length ? "Response headers" : "Response headers: none of CORS"),
      list(each.responseHeaders),
    ),
  );
  const nothing = told.seen.length ? [] : [paragraph("Nothing: no request of this origin came.", "hint")];
  const remembered = told.remembered
    ? [paragraph("No preflight came: the browser has the response to an earlier one in its cache (access-control-max-age).", "hint")]
    : [];
  return folded("Requests and responses of the app", ...remembered, ...shown, ...nothing);
}

function readable(outcome) {
  const shown = outcome.headers.length ? [list(outcome.headers)] : [paragraph("No header.", "hint")];
  if (outcome.body) shown.push(title("And the body"), element("pre", { tabindex: "0" }, outcome.body));
  return folded("The headers that the page can read", ...shown);
}

function messages(told) {
  if (!told.messages.length) return [];
  const items = told.messages.map((text) => element("li", { class: "wrap" }, text));
  return [folded("Messages in the console", element("ul", {}, ...items))];
}

export function complain(text) {
  $("status").replaceChildren(paragraph(text, "error"));
  $("result").replaceChildren();
}

// Shows it; returns a line for the list of earlier calls.
export function show(made, path, outcome, told, simulated) {
  const good = outcome.error === undefined;
  const word = told.refused ? "Refused" : good ? "Allowed" : told.blockedBy === "no-answer" ? "No response" : "Blocked";
  // Readable is not yet well: the status may be an error, or a cookie lost.
  const lost = told.steps.some((step) => step.lost);
  const doubtful = good && (outcome.status >= 400 || lost);
  const kind = good ? (doubtful ? "doubtful" : "good") : "bad";
  const what = `${made.method} ${path} from ${made.origin}`;
  const gets = good
    ? `The page reads status ${outcome.status}${outcome.redirected ? ` of ${outcome.url}` : ""}.`
    : `The page sees only ${outcome.error.replace(/\.$/, "")}.`;
  const mark = simulated ? [" ", element("span", { class: "mark" }, "simulated")] : [];
  const change = told.change
    ? [element("p", { class: "change" }, element("strong", {}, "Change: "), told.change)]
    : [];
  const otherwise = told.agrees
    ? []
    : [paragraph("By the Fetch standard the outcome would be another: the browser has its own reason, see its console.")];
  $("status").replaceChildren(
    element(
      "div",
      { class: `verdict ${kind}` },
      element("strong", {}, `${good ? (doubtful ? "!" : "✓") : "✗"} ${word}`, ...mark),
      element("p", {}, `${what}. ${gets}`),
      ...(told.refused ? [paragraph(`The app refused the request. ${told.refused}`)] : []),
      ...(good || !told.blockedBy ? [] : [paragraph(`Id: ${told.blockedBy}. In a terminal: corsbp why ${told.blockedBy}`)]),
      ...change,
      ...(told.route ? [paragraph(told.route, "change")] : []),
      ...otherwise,
    ),
  );
  $("result").replaceChildren(steps(told), ...messages(told), ...(good ? [readable(outcome)] : []), exchanges(told));
  $("status").scrollIntoView({ block: "nearest" });
  return element("li", good ? { class: "wrap" } : { class: "wrap no" }, element("b", {}, word), ` ${what}`);
}
