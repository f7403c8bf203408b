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
  const items = told.steps.map(({ text, stop }) =>
    element(
      "li",
      stop ? { class: "stop" } : {},
      element("span", { class: "mark", role: "img", "aria-label": stop ? "stopped:" : "passed:" }, stop ? "✗" : "✓"),
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
        element("span", { class: "hint" }, `${each.preflight ? "preflight, " : ""}${each.status === null ? "no answer" : `status ${each.status}`}`),
      ),
      element("h4", {}, "asked"),
      list(each.requestHeaders),
      element("h4", {}, each.responseHeaders.length ? "answered" : "answered without any header of CORS"),
      list(each.responseHeaders),
    ),
  );
  const nothing = told.seen.length ? [] : [paragraph("Nothing: no request of this origin came.", "hint")];
  const remembered = told.remembered
    ? [paragraph("No preflight came: the browser remembers the one before (access-control-max-age).", "hint")]
    : [];
  return folded("What the app saw", ...remembered, ...shown, ...nothing);
}

function readable(outcome) {
  const shown = outcome.headers.length ? [list(outcome.headers)] : [paragraph("No header.", "hint")];
  if (outcome.body) shown.push(title("And the body"), element("pre", { tabindex: "0" }, outcome.body));
  return folded("The headers that the page can read", ...shown);
}

export function complain(text) {
  $("status").replaceChildren(paragraph(text, "error"));
  $("result").replaceChildren();
}

// Shows it; returns a line for the list of earlier calls.
export function show(made, path, outcome, told, simulated) {
  const good = outcome.error === undefined;
  const word = good ? "Allowed" : told.blockedBy === "no-answer" ? "No answer" : "Blocked";
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
    : [paragraph("By the Fetch standard it would have come out otherwise: the browser has its own reason, see its console.")];
  $("status").replaceChildren(
    element(
      "div",
      { class: `verdict ${good ? "good" : "bad"}` },
      element("strong", {}, `${good ? "✓" : "✗"} ${word}`, ...mark),
      element("p", {}, `${what}. ${gets}`),
      ...change,
      ...(told.route ? [paragraph(told.route, "change")] : []),
      ...otherwise,
    ),
  );
  $("result").replaceChildren(steps(told), ...(good ? [readable(outcome)] : []), exchanges(told));
  $("status").scrollIntoView({ block: "nearest" });
  return element("li", good ? { class: "wrap" } : { class: "wrap no" }, element("b", {}, word), ` ${what}`);
}
