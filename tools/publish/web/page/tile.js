// A figure with its name: what stands in one of the page's tiles.

/** Show a value and, smaller, its unit. The space between them is text: a screen reader says both. */
export function tile(element, value, unit = "") {
  if (element.textContent === `${value} ${unit}`.trim()) return; // it may be selected
  const small = Object.assign(document.createElement("small"), { textContent: unit });
  element.replaceChildren(value, ...(unit ? [" ", small] : []));
}

/** A count for people. */
export function whole(value) {
  return value.toLocaleString("en");
}
