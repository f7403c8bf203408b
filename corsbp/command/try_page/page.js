// From the form to a call, and from its outcome to what is shown.
import { $, ask, paragraph } from "./dom.js";
import { run as runCall } from "./call.js";
import { begin as fill, call, isSimulated, pathOf, remember } from "./form.js";
import { complain, show } from "./result.js";

const EARLIER = 10;
let running = false;
let last = null; // the line for the list of earlier calls

function complainOf(error) {
  $("result-card").hidden = false;
  complain(error instanceof TypeError ? `corsbp try does not respond: ${error.message}` : error.message);
}

async function run() {
  let made;
  try {
    made = call();
  } catch (error) {
    $("headers").setAttribute("aria-invalid", "true");
    $("headers-error").textContent = error.message;
    $("headers").focus();
    return;
  }
  running = true; // a disabled button would lose the focus
  $("run").setAttribute("aria-disabled", "true");
  $("result-card").hidden = false;
  $("status").replaceChildren(paragraph("Running …", "hint"));
  $("result").replaceChildren();
  if (last) {
    $("earlier").prepend(last);
    $("earlier").children[EARLIER]?.remove();
    $("earlier-card").hidden = false;
    last = null;
  }
  try {
    remember(made);
    const simulated = isSimulated(made.origin);
    const { outcome, told } = await runCall(made, simulated);
    if (outcome.frameless) complain(outcome.frameless);
    else last = show(made, pathOf(made), outcome, told, simulated);
  } catch (error) {
    complainOf(error);
  } finally {
    running = false;
    $("run").removeAttribute("aria-disabled");
  }
}

async function begin() {
  let byItself;
  try {
    byItself = fill(await ask("/app"));
  } catch (error) {
    complainOf(error);
    return;
  }
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running && !$("run").disabled) run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
  });
  if (byItself) {
    await run();
    await ask("/shown", { text: document.querySelector("main").innerText });
  }
}
begin();
