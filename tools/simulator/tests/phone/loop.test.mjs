// The whole loop, in the browser and with the example servers: the client's kit, the game's server with wxsub, and WeChat.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ExampleServer } from './example-server.mjs';
import { startBrowser, until, world } from './rig.mjs';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

const STAMINA = 'sim-stamina';
const KINDS = ['python', 'cpp'];

/** One test for each server. */
function loop(name, play) {
  for (const kind of KINDS) {
    test(`${kind}: ${name}`, async (t) => {
      await play(await world(t, browser, { server: (wechat) => new ExampleServer(kind, wechat).start() }), kind);
    });
  }
}

async function useUp(phone) {
  for (let i = 0; i < 5; i += 1) await phone.game.locator('#pick').click();
}

loop('tap, dialog, accept, report, count 1, send, card, count 0, tap the card, opened', async ({ server, remaining, phone: open }, kind) => {
  const phone = await open();
  await phone.ready();
  await phone.shot(`1-game-${kind}`);
  await phone.ask();
  await phone.shot(`2-dialog-${kind}`);
  await phone.choose('allow', { without: ['sim-activity', 'sim-result'] });
  await phone.game.locator('#status').filter({ hasText: '1 条' }).waitFor();
  assert.deepEqual([await server.count(phone.openid, STAMINA), await remaining(phone.openid, STAMINA)], [1, 1]);
  assert.equal(await server.count(phone.openid, 'sim-activity'), 0);
  assert.equal(await phone.pending(), 0);

  await useUp(phone);
  await phone.page.locator('#banner').waitFor();
  await phone.shot(`3-banner-${kind}`);
  await until(() => server.said(': sent, 0 left'), 'the outcome');
  assert.deepEqual([await server.count(phone.openid, STAMINA), await remaining(phone.openid, STAMINA)], [0, 0]);

  await phone.page.locator('#banner').click();
  const card = phone.page.locator('.card');
  assert.match(await card.innerText(), /体力恢复提醒\s+温馨提示\s+体力已满，快来领取\s+恢复时间\s+\d\d:\d\d\s+进入小游戏查看/);
  await phone.shot(`4-notices-${kind}`);
  await card.click();
  await phone.ready();
  const launched = await phone.inGame('wx.getLaunchOptionsSync()');
  assert.deepEqual([launched.scene, launched.path, launched.query], [1014, 'pages/index', { from: 'stamina' }]);
  await until(() => server.said(`${phone.openid} opened ${STAMINA}`), 'the card is counted');
  // The same card again counts nothing.
  await phone.page.locator('#capsule-close').click();
  await phone.page.locator('#open-notices').click();
  await card.click();
  await until(() => server.said(`${phone.openid} opened nothing new`), 'the second tap');
  assert.equal(server.lines.filter((line) => line.includes(`opened ${STAMINA}`)).length, 1);
  assert.match(await server.metrics(), /wxsub_/);
  assert.deepEqual(phone.errors, []);
});

loop('refuse: reported, nothing granted, nothing sent', async ({ server, simulator, remaining, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'an accept');
  await phone.ask();
  await phone.choose('cancel');
  await until(async () => (await server.count(phone.openid, STAMINA)) === 0, 'the refusal');
  // At WeChat a refusal in the dialog takes nothing back; our ledger sends nothing more to who said no.
  await server.event(phone.openid);
  await until(() => server.said('WXSUB_E_NO_QUOTA'), 'the verdict');
  assert.equal((await simulator.sim(`requests?endpoint=send&openid=${phone.openid}`)).length, 0);
  assert.ok((await remaining(phone.openid, STAMINA)) >= 0);
});

loop('the main switch off: a refusal of all, and no dialog', async ({ server, remaining, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'an accept');
  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator('label:has(input[data-id="main-switch"])').click();
  await until(async () => (await remaining(phone.openid, STAMINA)) === 0, 'the count is void');
  await phone.page.locator('.back:visible').click();
  await phone.game.locator('#remind').click();
  for (const id of [STAMINA, 'sim-activity', 'sim-result']) {
    await until(async () => (await server.count(phone.openid, id)) === 0, `the server knows of ${id}`);
  }
  assert.equal(await phone.page.locator('#sheet').isVisible(), false);
});

loop('the main switch off while the game is closed: sync() tells it', async ({ server, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'an accept');
  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator('label:has(input[data-id="main-switch"])').click();
  await phone.page.reload();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 0, 'known after the next start');
});

loop('always keep: no dialog any more, each call grants one; the settings page turns it off', async ({ server, remaining, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.accept({ keep: true, without: ['sim-result'] });
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'the first accept');
  await phone.page.reload();
  await phone.ready();
  await until(() => phone.inGame(`subscriber.canAskSilently('${STAMINA}')`), 'sync() knows');
  await phone.game.locator('#remind').click();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 2, 'a silent accept');
  assert.equal(await phone.page.locator('#sheet').isVisible(), false);
  assert.equal(await remaining(phone.openid, STAMINA), 2);

  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator(`input[data-id="${STAMINA}"]`).waitFor({ state: 'attached' });
  await phone.page.locator(`label:has(input[data-id="${STAMINA}"])`).click();
  await until(async () => (await remaining(phone.openid, STAMINA)) === 0, 'the count is void');
  await phone.page.reload();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 0, 'sync() tells it at the next start');
});

loop('the server is killed and the page reloaded between accept and report: nothing lost, nothing twice', async ({ server, remaining, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await server.kill();
  await phone.accept();
  await phone.accept();
  await phone.game.locator('#status').filter({ hasText: '2 个回答等待上报' }).waitFor();
  await phone.page.reload();
  await until(async () => (await phone.pending().catch(() => 0)) === 2, 'both are there after the reload');
  await server.start();
  await phone.page.reload();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 2, 'both accepts');
  await until(async () => (await phone.pending()) === 0, 'nothing waits');
  await phone.page.reload();
  await phone.ready();
  assert.deepEqual([await server.count(phone.openid, STAMINA), await remaining(phone.openid, STAMINA)], [2, 2]);
});

loop("the server's answer is lost: the report comes again by the same id and counts once", async ({ server, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.trouble('lostReport');
  await phone.accept();
  const reports = () => server.lines.filter((line) => line.includes(`${phone.openid} answered`)).length;
  await until(() => reports() >= 2, 'a second try');
  await phone.trouble('lostReport');
  await until(async () => (await phone.pending()) === 0, 'taken');
  assert.equal(await server.count(phone.openid, STAMINA), 1);
});

loop("what the server will never take holds nothing up", async ({ server, phone: open }) => {
  const phone = await open();
  await phone.ready();
  await phone.inGame("wx.setStorageSync('wxsub.answers', JSON.stringify([]))");
  const { session } = await server.login(phone.openid);
  await assert.rejects(server.post('/report', { id: 'x', kind: 'ask', answer: { ['x'.repeat(129)]: 'accept' } }, session), /400/);
  await phone.accept();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'the accept behind it');
});

loop('an answer that comes as a report and as an event counts once, each pushed twice', async ({ server, remaining, phone: open }) => {
  const phone = await open({ query: { push: `${server.url}/push`, push_token: 'spamtest' } });
  await phone.ready();
  await phone.trouble('twice');
  await phone.accept();
  await until(() => server.lines.filter((line) => line.includes('push: 200')).length === 2, 'two pushes');
  await until(async () => (await phone.pending()) === 0, 'reported');
  assert.deepEqual([await server.count(phone.openid, STAMINA), await remaining(phone.openid, STAMINA)], [1, 1]);
});

loop('trouble at WeChat: busy, a dead token, a lost answer', async ({ server, simulator, remaining, phone: open }) => {
  const phone = await open();
  await phone.ready();
  for (let i = 0; i < 2; i += 1) await phone.accept();
  await until(async () => (await server.count(phone.openid, STAMINA)) === 2, 'two accepts');
  await phone.trouble('busy');
  await until(async () => (await simulator.sim('faults')).length === 1, 'armed');
  await phone.trouble('deadToken');
  await server.event(phone.openid);
  await until(async () => (await simulator.sim('deliveries')).length === 1, 'sent in the end');
  await until(async () => (await server.count(phone.openid, STAMINA)) === 1, 'one unit is spent');

  await phone.trouble('lostAnswer');
  await until(async () => (await simulator.sim('faults')).length === 1, 'armed');
  await server.event(phone.openid);
  await until(() => server.said('WXSUB_E_UNKNOWN'), 'maybe sent');
  assert.equal((await simulator.sim('deliveries')).length, 2, 'it was, and not twice');
  assert.equal(await remaining(phone.openid, STAMINA), 0);
});

loop('ten players at once, each with their own', async ({ server, remaining, simulator, phone: open }) => {
  const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy'];
  const phones = await Promise.all(names.map((player) => open({ player, size: { width: 390, height: 780 } })));
  await Promise.all(phones.map((phone) => phone.ready()));
  await Promise.all(phones.map((phone) => phone.accept()));
  for (const { openid } of phones) await until(async () => (await server.count(openid, STAMINA)) === 1, `${openid}'s accept`);
  await Promise.all(phones.map(useUp));
  await Promise.all(phones.map((phone) => phone.page.locator('#banner').waitFor()));
  const deliveries = await simulator.sim('deliveries');
  assert.deepEqual(deliveries.map(({ openid }) => openid).sort(), names.map((name) => `o-${name}`));
  for (const { openid } of phones) {
    assert.equal(await remaining(openid, STAMINA), 0);
    await until(async () => (await server.count(openid, STAMINA)) === 0, `${openid}'s unit is spent`);
  }
});
