import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subscriber, SubscribeError } from '../src/index.js';
import { FakeServer, FakeStorage, FakeWeChat, Time, settle } from './fakes.mjs';

function game(options = {}) {
  const wechat = new FakeWeChat(options);
  const server = new FakeServer();
  const errors = [];
  const subscriber = new Subscriber({
    wx: wechat.wx,
    report: (report) => server.report(report),
    onError: (error) => errors.push(error),
  });
  return { wechat, server, subscriber, errors };
}

const rejection = (promise) => promise.then(() => assert.fail('was not rejected'), (error) => error);

test('an accept is answered, stored, reported and removed', async () => {
  const { wechat, server, subscriber } = game();
  const result = await subscriber.ask(['A', 'B']);
  assert.deepEqual(result.accepted, ['A', 'B']);
  assert.deepEqual(result.answers, { errMsg: 'requestSubscribeMessage:ok', A: 'accept', B: 'accept' });
  assert.equal(result.saved, true);
  await settle();
  assert.deepEqual(server.counts, { A: 1, B: 1 });
  assert.equal(server.seen[0].id, result.id);
  assert.deepEqual(wechat.storage.entries, []);
  assert.equal(subscriber.pending, 0);
});

test('WeChat is called before ask returns, as a tap demands', () => {
  const { wechat, subscriber } = game();
  wechat.player = null;
  subscriber.ask('A');
  assert.deepEqual(wechat.calls.map((call) => call.ids), [['A']]);
});

test('the answer is in the storage before it is reported', async () => {
  const wechat = new FakeWeChat();
  const atReport = [];
  const subscriber = new Subscriber({
    wx: wechat.wx,
    report: ({ id }) => {
      atReport.push([id, wechat.storage.entries.map((entry) => entry.id)]);
      return Promise.resolve(true);
    },
  });
  const { id } = await subscriber.ask('A');
  assert.deepEqual(atReport, [[id, [id]]]);
});

test('more than three ids: the first three, each once', async () => {
  const { wechat, subscriber } = game();
  await subscriber.ask(['A', 'B', 'A', 'C', 'D']);
  assert.deepEqual(wechat.calls[0].ids, ['A', 'B', 'C']);
});

test('a refusal is an answer like an accept', async () => {
  const { wechat, server, subscriber } = game();
  wechat.player = 'reject';
  const result = await subscriber.ask('A');
  assert.deepEqual(result.accepted, []);
  await settle();
  assert.deepEqual(server.seen[0].answer, { errMsg: 'requestSubscribeMessage:ok', A: 'reject' });
});

test('every word that begins with accept is an accept', async () => {
  const { wechat, subscriber } = game();
  wechat.player = 'acceptWithAudio';
  assert.deepEqual((await subscriber.ask('A')).accepted, ['A']);
});

test('outside a tap: a rejection that says so, no throw, and the server hears of it', async () => {
  const { wechat, server, subscriber } = game();
  wechat.inTap = false;
  const error = await rejection(subscriber.ask('A'));
  assert.ok(error instanceof SubscribeError && error instanceof Error);
  assert.equal(error.code, 'tap');
  assert.match(error.message, /inside a tap.*\(requestSubscribeMessage:fail can only be invoked by user TAP gesture/);
  await settle();
  assert.deepEqual(server.seen.map((report) => report.id), [error.id]);
});

test('two asks at once: the second is rejected without a call, the first goes on', async () => {
  const { wechat, subscriber } = game();
  wechat.player = null;
  const first = subscriber.ask('A');
  const second = await rejection(subscriber.askSystem('SYS_MSG_TYPE_RANK'));
  assert.equal(second.code, 'busy');
  assert.equal(wechat.calls.length, 1);
  wechat.calls[0].answer('accept');
  assert.deepEqual((await first).accepted, ['A']);
  wechat.player = 'accept';
  assert.deepEqual((await subscriber.ask('A')).accepted, ['A']);
});

test("a call that WeChat never answers holds up the next one for a minute; its late answer still counts", async (t) => {
  const time = new Time(t);
  const { wechat, server, subscriber } = game();
  wechat.player = null;
  const first = subscriber.ask('A');
  await time.pass(59000);
  assert.equal((await rejection(subscriber.ask('A'))).code, 'busy');
  await time.pass(1000);
  const second = subscriber.ask('A');
  assert.equal(wechat.calls.length, 2);
  wechat.calls[0].answer('accept');
  assert.equal((await rejection(subscriber.ask('A'))).code, 'busy', 'the late answer must not free the running call');
  wechat.calls[1].answer('accept');
  await Promise.all([first, second]);
  await settle();
  assert.deepEqual(server.counts, { A: 2 });
});

test('an answer that WeChat gives twice counts once', async () => {
  const { wechat, server, subscriber } = game();
  wechat.player = null;
  const asked = subscriber.ask('A');
  wechat.calls[0].answer('accept');
  wechat.calls[0].answer('accept');
  wechat.calls[0].answer({ errMsg: 'again' });
  await asked;
  await settle();
  assert.equal(server.requests, 1);
});

for (const [ids, why] of [
  [undefined, 'no id'],
  [[], 'no id'],
  [null, 'not a string'],
  [[''], 'empty'],
  [['A', 7], 'not a string'],
  [['x'.repeat(129)], 'too long'],
  [['A', 'SYS_MSG_TYPE_RANK'], 'a system type'],
]) {
  test(`bad ids are rejected without a call: ${why} (${JSON.stringify(ids)?.slice(0, 30)})`, async () => {
    const { wechat, subscriber } = game();
    const error = await rejection(subscriber.ask(ids));
    assert.equal(error.code, 'ids');
    assert.equal(error.id, undefined);
    assert.equal(wechat.calls.length, 0);
  });
}

const CODES = [
  [10001, "TmplIds can't be empty", 'ids'],
  [10002, 'Request list fail', 'network'],
  [10003, 'Request subscribe fail', 'network'],
  [10004, 'Invalid template id', 'ids'],
  [10005, 'Cannot show subscribe message UI', 'hidden'],
  [20001, 'No template data return, verify the template id exist', 'ids'],
  [20002, 'Templates type must be same', 'ids'],
  [20003, 'Templates count out of max bounds', 'ids'],
  [20004, 'The main switch is switched off', 'off'],
  [20005, 'This mini program was banned from subscribing messages', 'banned'],
  [99999, 'something new', 'wechat'],
];
for (const [errCode, errMsg, code] of CODES) {
  test(`errCode ${errCode} in words, and to the server`, async () => {
    const { wechat, server, subscriber } = game();
    wechat.player = { errCode, errMsg };
    for (const asked of [subscriber.ask('A'), subscriber.askSystem('SYS_MSG_TYPE_RANK')]) {
      const error = await rejection(asked);
      assert.equal(error.code, code);
      assert.equal(error.errCode, errCode);
      assert.ok(error.message.includes(errMsg) && error.message.length > errMsg.length + 30, error.message);
    }
    await settle();
    assert.deepEqual(server.seen.map(({ kind, answer }) => [kind, answer.errCode]), [['ask', errCode], ['system', errCode]]);
  });
}

test('each code has words of its own', async () => {
  const words = new Set();
  for (const [errCode] of CODES) {
    const { wechat, subscriber } = game();
    wechat.player = { errCode, errMsg: '' };
    words.add((await rejection(subscriber.ask('A'))).message);
  }
  assert.equal(words.size, CODES.length);
});

test('codes that come as a string, as errno, or only as text', async () => {
  for (const [failure, code, errCode] of [
    [{ errCode: '20004', errMsg: 'x' }, 'off', 20004],
    [{ errno: 10005, errMsg: 'x' }, 'hidden', 10005],
    [{ errMsg: 'requestSubscribeMessage:fail The main switch is switched off' }, 'off', 20004],
    [{ errMsg: 'requestSubscribeMessage:fail last call has not ended' }, 'busy', undefined],
    [{ errMsg: 'requestSubscribeMessage:fail require user interaction (only in touchend event)' }, 'tap', undefined],
    [{ errMsg: 'requestSubscribeMessage:fail cancel' }, 'wechat', undefined],
    ['a bare text', 'wechat', undefined],
    [undefined, 'wechat', undefined],
  ]) {
    const { wechat, server, subscriber } = game();
    wechat.wx.requestSubscribeMessage = ({ fail }) => fail(failure);
    const error = await rejection(subscriber.ask('A'));
    assert.deepEqual([error.code, error.errCode], [code, errCode], JSON.stringify(failure));
    await settle();
    assert.equal(server.seen[0].answer.errCode, errCode);
  }
});

test('a call of WeChat that throws is a rejection', async () => {
  const { wechat, subscriber } = game();
  wechat.wx.requestSubscribeMessage = () => {
    throw new TypeError('inside');
  };
  const error = await rejection(subscriber.ask('A'));
  assert.equal(error.code, 'wechat');
  assert.match(error.message, /inside/);
});

test('an old base library: too old, one id only, no WHATS_NEW', async () => {
  for (const [version, ids, asked] of [
    ['2.4.3', ['A', 'B'], null],
    ['2.4.4', ['A', 'B'], ['A']],
    ['2.8.3', ['A', 'B'], ['A']],
    ['2.8.4', ['A', 'B'], ['A', 'B']],
    ['2.10.0', ['A', 'B'], ['A', 'B']],
    ['3.0', ['A', 'B'], ['A', 'B']],
    ['', ['A', 'B'], ['A', 'B']],
    ['dev', ['A', 'B'], ['A', 'B']],
  ]) {
    const { wechat, subscriber } = game({ version });
    const asking = subscriber.ask(ids);
    if (asked === null) assert.equal((await rejection(asking)).code, 'old', version);
    assert.deepEqual(wechat.calls[0]?.ids ?? null, asked, version);
  }
  const types = ['SYS_MSG_TYPE_WHATS_NEW', 'SYS_MSG_TYPE_RANK'];
  for (const [version, wanted, asked] of [
    ['2.9.3', types, null],
    ['2.9.4', types, ['SYS_MSG_TYPE_RANK']],
    ['2.32.0', types, ['SYS_MSG_TYPE_RANK']],
    ['2.32.0', types.slice(0, 1), null],
    ['2.32.1', types, types],
  ]) {
    const { wechat, subscriber } = game({ version });
    const asking = subscriber.askSystem(wanted);
    if (asked === null) assert.equal((await rejection(asking)).code, 'old', version);
    assert.deepEqual(wechat.calls[0]?.ids ?? null, asked, version);
  }
});

test('a call that this WeChat lacks, by its absence or by canIUse', async () => {
  const { wechat, subscriber } = game();
  delete wechat.wx.requestSubscribeMessage;
  assert.equal((await rejection(subscriber.ask('A'))).code, 'old');

  const unsure = game({ version: '' });
  unsure.wechat.wx.canIUse = (api) => api !== 'requestSubscribeMessage';
  assert.equal((await rejection(unsure.subscriber.ask('A'))).code, 'old');
  assert.deepEqual((await unsure.subscriber.askSystem('SYS_MSG_TYPE_RANK')).accepted, ['SYS_MSG_TYPE_RANK']);

  const throwing = game();
  throwing.wechat.wx.getAppBaseInfo = () => {
    throw new Error('no');
  };
  throwing.wechat.wx.canIUse = throwing.wechat.wx.getAppBaseInfo;
  assert.deepEqual((await throwing.subscriber.ask('A')).accepted, ['A']);
});

test('system types go to their own call; templates do not', async () => {
  const { wechat, server, subscriber } = game();
  await subscriber.askSystem(['SYS_MSG_TYPE_INTERACTIVE', 'SYS_MSG_TYPE_RANK']);
  assert.equal(wechat.calls[0].api, 'requestSubscribeSystemMessage');
  await settle();
  assert.deepEqual([server.seen[0].kind, server.seen[0].answer.SYS_MSG_TYPE_RANK], ['system', 'accept']);
  assert.equal((await rejection(subscriber.askSystem(['A']))).code, 'ids');
});

test('a rejection that nobody looks at is no unhandled one', async (t) => {
  const unhandled = [];
  const listener = (error) => unhandled.push(error);
  process.on('unhandledRejection', listener);
  t.after(() => process.off('unhandledRejection', listener));
  const { wechat, subscriber } = game();
  wechat.inTap = false;
  wechat.setting = null;
  subscriber.ask('A');
  subscriber.ask([]);
  subscriber.sync();
  await settle();
  assert.deepEqual(unhandled, []);
});

test('without wx or report the constructor says so', () => {
  assert.throws(() => new Subscriber({ wx: {} }), /needs \{ wx, report \}/);
  assert.throws(() => new Subscriber({ report() {} }), TypeError);
});

test('a storage of its own and a key of its own', async () => {
  const storage = new FakeStorage();
  const wechat = new FakeWeChat();
  const subscriber = new Subscriber({ wx: wechat.wx, report: () => false, storage, key: 'mine' });
  await subscriber.ask('A');
  assert.equal(JSON.parse(storage.items.get('mine')).length, 1);
  assert.equal(wechat.storage.items.size, 0);
});
