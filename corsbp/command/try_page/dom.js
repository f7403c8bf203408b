// What comes from an app is text, and never becomes markup.
export const $ = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const title = (text) => element("h3", {}, text);
export const paragraph = (text, kind) => element("p", { class: kind }, text);

export const TOKEN = document.querySelector("meta[name=token]").content;

// Asks the server of this page.
export async function ask(path, told) {
  const options = { headers: { "x-token": TOKEN }, cache: "no-store" };
  if (told !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(told) });
  const response = await fetch(path, options);
  const said = await response.json();
  if (!response.ok) throw new Error(said?.error ?? `status ${response.status}`);
  return said;
}
