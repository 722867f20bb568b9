"use strict";
// What Tern's pages share: the data, elements, numbers as people read them, round ticks, legends.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const element = (tag, attributes, parent) => {
  const made = document.createElement(tag);
  Object.assign(made, attributes);
  if (parent) parent.append(made);
  return made;
};
const drawn = (tag, attributes, parent) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value; else made.setAttribute(key, value);
  }
  parent.append(made);
  return made;
};
const whole = number => Math.round(number).toLocaleString("en");
const short = number => {
  const size = Math.abs(number);
  if (size === 0) return "0";
  if (size >= 1e6) return +(number / 1e6).toPrecision(3) + "M";
  if (size >= 1e4) return +(number / 1e3).toPrecision(3) + "k";
  if (size < 1e-3) return number.toExponential(1).replace(/-/g, "−");
  return String(+number.toPrecision(3)).replace(/^-/, "−");
};
const ticks = (low, high, wanted) => {
  const raw = (high - low) / wanted, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(f => f * unit).find(s => s >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found;
};
const path = (points, X, Y) => points.map((p, i) => (i ? "L" : "M") + X(p[0]).toFixed(1) + " " + Y(p[1]).toFixed(1)).join("");
const tile = (name, value, more = "") => {
  const made = element("div", {className: "tile"}, byId("tiles"));
  element("small", {textContent: name}, made);
  element("b", {textContent: value}, made);
  if (more) element("small", {textContent: more}, made);
};
const legend = (card, entries) => {
  const made = element("div", {className: "legend"}, card);
  for (const [name, colour] of entries) {
    const entry = element("span", {}, made);
    element("i", {}, entry).style.background = colour;
    entry.append(name);
  }
};
