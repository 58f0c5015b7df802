// scripts/demo.sh --phone: the address that it prints is a phone whose game has the example server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startBrowser, until, Phone } from './rig.mjs';

const DEMO = fileURLToPath(new URL('../../../../scripts/demo.sh', import.meta.url));

test('the demo ends with a phone, and leaves nothing behind', async (t) => {
  const demo = spawn(DEMO, ['--phone'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  demo.stdout.on('data', (chunk) => (said += chunk));
  const ended = once(demo, 'exit');
  t.after(() => demo.kill('SIGTERM'));
  // It builds first.
  const hears = async (look, what) => {
    while (demo.exitCode === null && !look()) await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(look(), `${what}: ${said}`);
  };
  await hears(() => /The phone: +\S+/.test(said), 'an address');
  assert.match(said, /sent: message id \d+, count 0/);
  const address = new URL(/The phone: +(\S+)/.exec(said)[1]);
  const server = address.searchParams.get('server');

  const browser = await startBrowser();
  t.after(() => browser.close());
  const phone = await Phone.open(browser, { url: address.origin }, { url: server });
  await phone.ready();
  await phone.accept();
  await hears(() => said.includes('o-alice answered'), "the server's log beside it");
  for (let i = 0; i < 5; i += 1) await phone.game.locator('#pick').click();
  await phone.page.locator('#banner').waitFor();
  await hears(() => /message stamina-\d+: sent, 0 left/.test(said), 'the outcome in the log');

  demo.kill('SIGTERM');
  await ended;
  for (const url of [address.origin, server]) {
    await until(() => fetch(url).then(() => false, () => true), `${url} is gone`);
  }
});
