// The console's server.

export class Refused extends Error {
  constructor(body, http) {
    super(body.message || `HTTP ${http}`);
    this.status = body.status;
  }
}

/** What the server gave this page with its address: cookies go to every port of the machine, this goes nowhere else. */
const key = takeKey();

function takeKey() {
  const [, given] = /^#key=([0-9a-f]+)$/.exec(location.hash) || [];
  if (given) history.replaceState(null, '', '/');
  try {
    if (given) localStorage.setItem('wxsub-key', given);
    return localStorage.getItem('wxsub-key') || '';
  } catch {
    return given || ''; // A browser that keeps nothing: good until the page is loaded again.
  }
}

export async function post(path, body = {}) {
  const headers = { 'content-type': 'application/json', 'x-wxsub-console': key };
  const answer = await fetch(`/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = { message: text.trim() };
  }
  if (!answer.ok) throw new Refused(told, answer.status);
  return told;
}

export const ask = (what, fields = {}) => post('ask', { do: what, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) });

/** All pages of a list, while `wanted` says so. */
export async function pages(what, list, fields, wanted = () => true) {
  const rows = [];
  let after;
  do {
    const reply = await ask(what, { ...fields, after });
    rows.push(...reply[list]);
    after = reply.next ?? undefined;
  } while (after !== undefined && wanted(rows));
  return rows;
}

/** One page: a reply may have few rows or none and go on, since a call looks at so many records at most. */
export async function page(what, list, fields, most = 100) {
  const rows = [];
  let { after } = fields;
  for (let looks = 0; looks < most; looks += 1) {
    const reply = await ask(what, { ...fields, after });
    rows.push(...reply[list]);
    after = reply.next;
    if (after === null || after === undefined || rows.length >= fields.limit) break;
  }
  return { [list]: rows, next: after ?? null };
}
