// Who is let in, and what may be changed.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { Page, startBrowser, startConsole, world, wxsub } from './rig.mjs';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

/** A request with any headers, which a browser would not send. */
function raw(origin, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const sent = request({ hostname, port, path, method, headers: { host: `${hostname}:${port}`, ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function opened(t, args = []) {
  const here = await world(t);
  await wxsub(here, ['quota', 'o-nobody', 'sim-stamina', '--create']);
  const console_ = await startConsole(here, args);
  const { pathname, search } = new URL(console_.url);
  return { here, console_, origin: console_.origin, first: pathname + search };
}

const cookieOf = (answer) => answer.headers['set-cookie'][0].split(';')[0];
/** What its page says with each request. */
const pageOf = (answer) => ({ 'x-wxsub-console': answer.headers.refresh.match(/#key=([0-9a-f]{64})$/)[1] });

test('the address is good once, and nothing is had without it', async (t) => {
  const { origin, first } = await opened(t);
  for (const path of ['/', '/assets/main.js', '/?token=', '/?token=0', `${first}0`, '/?token=' + '0'.repeat(64)]) {
    assert.equal((await raw(origin, path)).status, 403, path);
  }
  const answer = await raw(origin, first);
  assert.equal(answer.status, 200);
  const flags = answer.headers['set-cookie'][0];
  assert.ok(/HttpOnly/.test(flags) && /SameSite=Strict/.test(flags), flags);
  assert.equal((await raw(origin, first)).status, 403);
  const cookie = cookieOf(answer);
  assert.equal((await raw(origin, '/', { headers: { cookie } })).status, 200);
  assert.equal((await raw(origin, '/', { headers: { cookie: `${cookie}0` } })).status, 403);
});

test('another Host and another Origin are refused, also with the cookie', async (t) => {
  const { origin, first } = await opened(t, ['--write']);
  assert.equal((await raw(origin, first, { headers: { host: 'evil.example' } })).status, 403);
  const exchanged = await raw(origin, first);
  const cookie = cookieOf(exchanged);
  const json = { 'content-type': 'application/json', ...pageOf(exchanged) };
  const ask = (headers, body = '{"do":"players"}') => raw(origin, '/api/ask', { method: 'POST', headers: { cookie, ...json, ...headers }, body });
  assert.equal((await ask({ origin })).status, 200);
  for (const headers of [
    {},
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin, host: 'evil.example' },
    { origin: `http://evil.example:${new URL(origin).port}`, host: `evil.example:${new URL(origin).port}` },
    { origin: origin.replace('http:', 'https:') },
    { origin, cookie: '' },
    // Programs on other ports see the cookie, and no more.
    { origin, 'x-wxsub-console': '' },
    { origin, 'x-wxsub-console': cookie.split('=')[1] },
  ]) {
    const answer = await ask(headers);
    assert.equal(answer.status, 403, JSON.stringify(headers));
    assert.ok(!answer.text.includes('players'), answer.text);
  }
  assert.equal((await raw(origin, '/', { headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status, 403);
});

test('nothing is changed without --write, and nothing but what it has buttons for with it', async (t) => {
  for (const write of [false, true]) {
    const { here, origin, first } = await opened(t, write ? ['--write'] : []);
    const exchanged = await raw(origin, first);
    const cookie = cookieOf(exchanged);
    const headers = { cookie, origin, 'content-type': 'application/json', ...pageOf(exchanged) };
    const post = (path, body) => raw(origin, path, { method: 'POST', headers, body: JSON.stringify(body) });
    for (const what of ['forget', 'mute', 'campaign.start', 'campaign.pause', 'campaign.resume', 'campaign.cancel']) {
      const answer = await post('/api/ask', { do: what, openid: 'o-nobody', id: 'x', until_ms: null });
      assert.equal(answer.status === 403, !write, `${what}: ${answer.text}`);
    }
    assert.equal((await post('/api/cancel', { openid: 'o-nobody', key: 'k' })).status, write ? 422 : 403);
    // Never from here.
    for (const what of ['import', 'export', 'backup', 'compact', 'opened', 'campaign.put', 'campaign.add', 'metrics', '', 'Players']) {
      assert.equal((await post('/api/ask', { do: what, path: '/tmp/x' })).status, 403, what);
    }
    for (const body of [null, [], 'x', { do: 7 }, {}]) assert.ok((await post('/api/ask', body)).status >= 400, JSON.stringify(body));
    const big = await post('/api/ask', { do: 'player', openid: 'x'.repeat(100000) });
    assert.equal(big.status, 413);
    assert.equal((await raw(origin, '/api/ask', { headers: { cookie } })).status, 405);
    assert.equal((await raw(origin, '/assets/../Cargo.toml', { headers: { cookie } })).status, 404);
    assert.equal((await raw(origin, '/nowhere', { headers: { cookie } })).status, 404);
    void here;
  }
});

test('another site can neither read it nor press its buttons', async (t) => {
  const { here, console_ } = await opened(t, ['--write']);
  const page = await Page.open(browser, console_);
  // A page of another origin in the same browser, which has the cookie.
  const other = await page.context.newPage();
  await other.goto(`${here.simulator.url}/phone`);
  const got = await other.evaluate(async (origin) => {
    const tries = {
      read: () => fetch(origin, { credentials: 'include' }),
      write: () => fetch(`${origin}/api/ask`, { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"do":"forget","openid":"o"}' }),
    };
    const seen = {};
    for (const [name, go] of Object.entries(tries)) seen[name] = await go().then((answer) => answer.status, () => 'refused');
    return seen;
  }, console_.origin);
  assert.deepEqual(got.read, 'refused');
  assert.ok(['refused', 0].includes(got.write), JSON.stringify(got));
  await page.close();
});

test('the page asks no other site, and is told to the browser as closed', async (t) => {
  const { console_, origin } = await opened(t);
  const page = await Page.open(browser, console_);
  await page.view('players');
  assert.ok(page.asked.length > 8);
  for (const url of page.asked) assert.ok(url.startsWith(origin) || url.startsWith('data:'), url);
  const headers = await page.page.evaluate(async () => Object.fromEntries((await fetch('/')).headers));
  assert.match(headers['content-security-policy'], /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.ok(!/unsafe/.test(headers['content-security-policy']));
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.deepEqual(page.errors, []);
  assert.ok(!/token|key/.test(await page.page.evaluate('location.href')));
  await page.close();
});
