// What the phone knows, and its line to the simulator.

export const params = new URLSearchParams(location.search);
export const player = (params.get('player') || 'alice').replace(/[^\w.-]/g, '').slice(0, 32) || 'alice';
export const openid = `o-${player}`;

/** Told about: {type: 'log', text} and {type: 'changed'} when WeChat's state may have changed. */
const listeners = new Set();

export const listen = (listener) => listeners.add(listener);
export const log = (text) => listeners.forEach((listener) => listener({ type: 'log', text }));
export const changed = () => listeners.forEach((listener) => listener({ type: 'changed' }));

/** What the panel switches on. */
export const trouble = { offline: false, lostReport: false, twice: false, networkOnce: false };

/** A control of the simulator: GET without a body, else POST. */
export async function sim(path, body) {
  const option = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(`/sim/${path}`, option);
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error);
  return json;
}

/** A request of the game or of WeChat's push to a server on this machine. */
export async function relay(request) {
  const answer = await fetch('/phone/request', { method: 'POST', body: JSON.stringify(request) });
  return answer.json();
}

/** The player's settings as wx.getSetting shows them. */
export async function readSetting() {
  const { main_switch: mainSwitch, settings: itemSettings } = await sim(`player?openid=${encodeURIComponent(openid)}`);
  return { mainSwitch, itemSettings };
}

/** A small text that stays over a reload. */
export const kept = {
  get: (key) => localStorage.getItem(`phone:${player}:${key}`),
  set: (key, value) => localStorage.setItem(`phone:${player}:${key}`, value),
};

/** An element with attributes and children; text never becomes markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
