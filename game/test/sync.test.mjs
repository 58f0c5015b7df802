import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subscriber } from '../src/index.js';
import { FakeServer, FakeWeChat, settle } from './fakes.mjs';

function game(options) {
  const wechat = new FakeWeChat(options);
  const server = new FakeServer();
  return { wechat, server, subscriber: new Subscriber({ wx: wechat.wx, report: (report) => server.report(report) }) };
}

test('nothing to say: no report', async () => {
  for (const itemSettings of [undefined, {}, { A: 'accept', B: 'ban' }]) {
    const { wechat, server, subscriber } = game();
    wechat.setting = { mainSwitch: true, itemSettings };
    assert.deepEqual(await subscriber.sync(), { mainSwitch: true, pending: 0 });
    await settle();
    assert.equal(server.requests, 0);
  }
});

test('what is switched off is reported, and which system types are on', async () => {
  const { wechat, server, subscriber } = game();
  wechat.setting = {
    mainSwitch: true,
    itemSettings: { A: 'reject', B: 'accept', C: 'ban', SYS_MSG_TYPE_RANK: 'accept', SYS_MSG_TYPE_WHATS_NEW: 'reject' },
  };
  await subscriber.sync();
  await settle();
  const expected = { A: 'reject', SYS_MSG_TYPE_RANK: 'accept', SYS_MSG_TYPE_WHATS_NEW: 'reject' };
  assert.deepEqual(server.seen.map(({ kind, answer }) => [kind, answer]), [['setting', { mainSwitch: true, itemSettings: expected }]]);
});

test('the main switch off is reported without any item', async () => {
  const { wechat, server, subscriber } = game();
  wechat.setting = { mainSwitch: false };
  assert.equal((await subscriber.sync()).mainSwitch, false);
  await settle();
  assert.deepEqual(server.seen[0].answer, { mainSwitch: false, itemSettings: {} });
});

test('more switches than the server takes in one report: the first fifty', async () => {
  const { wechat, server, subscriber } = game();
  wechat.setting = { mainSwitch: true, itemSettings: Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`T${i}`, 'reject'])) };
  await subscriber.sync();
  await settle();
  assert.equal(Object.keys(server.seen[0].answer.itemSettings).length, 50);
});

test('while the server is away a newer look at the settings replaces the last, and no answer between them', async () => {
  const { wechat, server, subscriber } = game();
  server.mode = 'down';
  await subscriber.ask('X');
  await settle();
  wechat.setting = { mainSwitch: true, itemSettings: { A: 'reject' } };
  await subscriber.sync();
  wechat.setting = { mainSwitch: true, itemSettings: { B: 'reject' } };
  await subscriber.sync();
  await subscriber.ask('Y');
  await subscriber.sync();
  assert.deepEqual(
    wechat.storage.entries.map(({ kind, answer }) => [kind, Object.keys(answer.itemSettings ?? answer).pop()]),
    [['ask', 'X'], ['setting', 'B'], ['ask', 'Y'], ['setting', 'B']],
  );
});

test('canAskSilently: only if accept is kept for every id and the main switch is on', async () => {
  const { wechat, subscriber } = game();
  wechat.setting = { mainSwitch: true, itemSettings: { A: 'accept', B: 'accept', C: 'reject' } };
  assert.equal(subscriber.canAskSilently(['A']), false, 'nothing is known before sync');
  await subscriber.sync();
  for (const [ids, silent] of [
    [['A', 'B'], true],
    ['A', true],
    [['A', 'C'], false],
    [['A', 'D'], false],
    [[], false],
    [['toString'], false],
    [undefined, false],
  ]) {
    assert.equal(subscriber.canAskSilently(ids), silent, JSON.stringify(ids));
  }
  wechat.setting = { mainSwitch: false, itemSettings: { A: 'accept' } };
  await subscriber.sync();
  assert.equal(subscriber.canAskSilently(['A']), false);
  wechat.setting = { mainSwitch: true };
  await subscriber.sync();
  assert.equal(subscriber.canAskSilently(['A']), false);
});

test('a WeChat that can not say it: sync reports what waits', async () => {
  const { wechat, server, subscriber } = game({ version: '2.10.0' });
  server.mode = 'down';
  await subscriber.ask('A');
  await settle();
  server.mode = 'ok';
  assert.deepEqual(await subscriber.sync(), { mainSwitch: undefined, pending: 1 });
  await settle();
  assert.deepEqual(server.counts, { A: 1 });
  assert.equal(wechat.calls.filter((call) => call.api === 'getSetting').length, 0);
});

test('settings that can not be read are a rejection, and the reports go on', async () => {
  const { wechat, server, subscriber } = game();
  server.mode = 'down';
  await subscriber.ask('A');
  await settle();
  server.mode = 'ok';
  wechat.setting = null;
  await assert.rejects(subscriber.sync(), { name: 'SubscribeError', code: 'wechat' });
  wechat.wx.getSetting = () => {
    throw new Error('inside');
  };
  await assert.rejects(subscriber.sync(), /inside/);
  wechat.wx.getSetting = ({ success }) => success(undefined);
  assert.equal((await subscriber.sync()).mainSwitch, undefined);
  await settle();
  assert.deepEqual(server.counts, { A: 1 });
});
