import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subscriber } from '../src/index.js';
import { FakeServer, FakeStorage, FakeWeChat, Time, settle } from './fakes.mjs';

function start(wechat, server, errors = []) {
  return new Subscriber({ wx: wechat.wx, report: (report) => server.report(report), onError: (error) => errors.push(error) });
}

const templates = (server) => server.seen.map(({ answer }) => Object.keys(answer).find((key) => key !== 'errMsg'));

test('reports keep their order while the server is away, with growing pauses', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  const at = [];
  const subscriber = new Subscriber({
    wx: wechat.wx,
    report: (report) => {
      at.push(time.now);
      return server.report(report);
    },
  });
  server.mode = 'down';
  await subscriber.ask('A');
  await time.pass(3600000);
  const pauses = at.slice(1).map((when, i) => when - at[i]);
  pauses.forEach((pause, i) => {
    const longest = Math.min(300000, 1000 * 2 ** i);
    assert.ok(pause >= longest / 2 && pause <= longest, `pause ${i} was ${pause} ms`);
  });
  assert.ok(pauses.length > 15 && pauses.length < 35, `${pauses.length} tries in an hour`);

  for (const id of ['B', 'C', 'D']) await subscriber.ask(id);
  assert.equal(subscriber.pending, 4);
  server.mode = 'ok';
  await time.pass(300000);
  assert.deepEqual(templates(server), ['A', 'B', 'C', 'D']);
  assert.equal(subscriber.pending, 0);

  server.mode = 'down';
  const before = at.length;
  await subscriber.ask('E');
  await time.pass(1000);
  assert.ok(at.length >= before + 2, 'after a success the pauses begin anew');
});

test('one report at a time', async () => {
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'silent';
  const subscriber = start(wechat, server);
  for (const id of ['A', 'B', 'C']) await subscriber.ask(id);
  await subscriber.sync();
  await settle();
  assert.equal(server.requests, 1);
});

test('only true removes an answer', async (t) => {
  for (const reply of [undefined, false, null, 1, 'true', {}, { statusCode: 200 }]) {
    const time = new Time(t);
    const wechat = new FakeWeChat();
    const subscriber = new Subscriber({ wx: wechat.wx, report: async () => reply });
    await subscriber.ask('A');
    await time.pass(5000);
    assert.equal(wechat.storage.entries.length, 1, String(reply));
  }
});

test('a report function that throws, rejects, answers at once or never', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const errors = [];
  const replies = [
    () => {
      throw new Error('thrown');
    },
    () => Promise.reject(new Error('rejected')),
    () => new Promise(() => {}),
    () => true,
  ];
  const tries = [];
  const subscriber = new Subscriber({
    wx: wechat.wx,
    report: ({ id }) => {
      tries.push([id, time.now]);
      return replies[tries.length - 1]();
    },
    onError: (error) => errors.push(error.message),
  });
  await subscriber.ask('A');
  await time.pass(60000);
  assert.equal(tries.length, 4);
  assert.equal(new Set(tries.map(([id]) => id)).size, 1, 'the same id in every try');
  assert.ok(tries[3][1] - tries[2][1] >= 30000, 'one without an answer is given 30 seconds');
  assert.deepEqual(errors, ['thrown', 'rejected']);
  assert.equal(subscriber.pending, 0);
});

test('an answer that comes after its 30 seconds still counts', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const late = [];
  const subscriber = new Subscriber({ wx: wechat.wx, report: () => new Promise((resolve) => late.push(resolve)) });
  await subscriber.ask('A');
  await time.pass(40000);
  assert.equal(late.length, 2);
  late[0](true);
  await settle();
  assert.equal(subscriber.pending, 0);
  late[1](true);
  await time.pass(600000);
  assert.equal(late.length, 2);
});

test('a handler of errors that throws stops nothing', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  const subscriber = new Subscriber({
    wx: wechat.wx,
    report: (report) => server.report(report),
    onError: () => {
      throw new Error('handler');
    },
  });
  server.mode = 'down';
  await subscriber.ask('A');
  server.mode = 'ok';
  await time.pass(2000);
  assert.deepEqual(server.counts, { A: 1 });
});

test('a clock that jumps: ids stay unique, order and pauses hold', async (t) => {
  const time = new Time(t);
  const random = Math.random;
  t.after(() => {
    Math.random = random;
  });
  Math.random = () => 0.25; // An engine that seeds it the same at every start.
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'down';
  const subscriber = start(wechat, server);
  for (const [id, wall] of [['A', 2000000000000], ['B', 1000000000000], ['C', 0], ['D', 1000000000000]]) {
    time.wall = wall;
    await subscriber.ask(id);
  }
  const ids = wechat.storage.entries.map((entry) => entry.id);
  assert.equal(new Set(ids).size, 4);
  assert.ok(ids.every((id) => id.length <= 63), 'a key of wxsub has 63 bytes');
  server.mode = 'ok';
  time.wall = -5;
  await time.pass(60000);
  assert.deepEqual(templates(server), ['A', 'B', 'C', 'D']);
});

test('a storage that is full: the answer is reported from memory, and told as not saved', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  const errors = [];
  const subscriber = start(wechat, server, errors);
  wechat.storage.failing.set = true;
  server.mode = 'down';
  const [a, b] = [await subscriber.ask('A'), await subscriber.ask('B')];
  assert.deepEqual([a.saved, b.saved], [false, false]);
  assert.match(String(errors[0]), /exceed storage/);
  assert.equal(subscriber.pending, 2);
  wechat.storage.failing.set = false;
  const c = await subscriber.ask('C');
  assert.equal(c.saved, true);
  assert.equal(wechat.storage.entries.length, 3, 'what was in memory only is stored with the next');
  server.mode = 'ok';
  await time.pass(10000);
  assert.deepEqual(templates(server), ['A', 'B', 'C']);
  assert.deepEqual(wechat.storage.entries, []);
});

test('a storage that can not be written any more: no report is repeated for ever', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  const subscriber = start(wechat, server);
  server.mode = 'down';
  await subscriber.ask('A');
  wechat.storage.failing.set = true;
  server.mode = 'ok';
  await time.pass(600000);
  assert.ok(server.requests < 4, `${server.requests} requests`);
  assert.equal(subscriber.pending, 0);
  assert.equal(wechat.storage.entries.length, 1);

  wechat.storage.failing.set = false;
  await start(wechat, server).sync();
  await settle();
  assert.deepEqual(server.counts, { A: 1 }, 'the next start reports it again, by the same id');
  assert.deepEqual(wechat.storage.entries, []);
});

test('a storage that can not be read now is not overwritten', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'down';
  const subscriber = start(wechat, server);
  await subscriber.ask('A');
  wechat.storage.failing.get = true;
  assert.equal((await subscriber.ask('B')).saved, false);
  wechat.storage.failing.get = false;
  await subscriber.ask('C');
  server.mode = 'ok';
  await time.pass(60000);
  assert.deepEqual(server.counts, { A: 1, B: 1, C: 1 });
});

for (let after = 0; after < 12; after += 1) {
  test(`a reading that fails once, after ${after} others, loses no answer`, async (t) => {
    const time = new Time(t);
    const wechat = new FakeWeChat();
    const server = new FakeServer();
    server.mode = 'down';
    const subscriber = start(wechat, server);
    await subscriber.ask('A');
    await subscriber.ask('B');
    wechat.storage.failsAfter = after;
    await subscriber.ask('C');
    server.mode = 'ok';
    await time.pass(600000);
    assert.deepEqual(server.counts, { A: 1, B: 1, C: 1 });
    assert.equal(subscriber.pending, 0);
    // What could not be taken out then is told again by its id, and goes.
    wechat.storage.failsAfter = Infinity;
    await start(wechat, server).sync();
    await settle();
    assert.deepEqual(server.counts, { A: 1, B: 1, C: 1 });
    assert.deepEqual(wechat.storage.entries, []);
  });
}

for (const [name, text] of [
  ['no JSON', '{{{'],
  ['another shape', '{"a":1}'],
  ['entries of another make', '[null,1,{"id":7},{"id":"x"},{"answer":{}}]'],
]) {
  test(`a storage that holds ${name} is begun anew`, async () => {
    const wechat = new FakeWeChat();
    wechat.storage.items.set('wxsub.answers', text);
    const server = new FakeServer();
    await start(wechat, server).ask('A');
    await settle();
    assert.deepEqual(server.counts, { A: 1 });
    assert.deepEqual(wechat.storage.entries, []);
  });
}

test('fifty answers wait at most: then ask is rejected before WeChat grants what could not be kept', async () => {
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'silent';
  const subscriber = start(wechat, server);
  for (let i = 0; i < 50; i += 1) await subscriber.ask(`T${i}`);
  await assert.rejects(subscriber.ask('T50'), { code: 'full' });
  assert.equal(wechat.calls.length, 50);
  wechat.setting = { mainSwitch: false };
  await subscriber.sync();
  assert.equal(wechat.storage.entries.length, 50);
  assert.ok(wechat.storage.items.get('wxsub.answers').length < 10000);
});

test('failures make room for answers, the oldest first; a main switch that is off is no such failure', async () => {
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'silent';
  const subscriber = start(wechat, server);
  wechat.player = { errCode: 20004, errMsg: 'The main switch is switched off' };
  await subscriber.ask('A').catch(() => {});
  wechat.player = { errCode: 10002, errMsg: 'Request list fail' };
  for (let i = 0; i < 80; i += 1) await subscriber.ask('A').catch(() => {});
  assert.equal(subscriber.pending, 50);
  wechat.player = 'accept';
  for (let i = 0; i < 49; i += 1) await subscriber.ask(`T${i}`);
  const kept = wechat.storage.entries.map(({ answer }) => answer.errCode ?? 'answer');
  assert.deepEqual(kept, [20004, ...Array(49).fill('answer')]);
  await assert.rejects(subscriber.ask('A'), { code: 'full' });
});

test('a long text of WeChat does not fill the storage', async () => {
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'silent';
  wechat.player = { errMsg: 'x'.repeat(100000) };
  await start(wechat, server).ask('A').catch(() => {});
  assert.ok(wechat.storage.items.get('wxsub.answers').length < 1000);
});

test('two Subscribers on one storage lose nothing of each other', async (t) => {
  const time = new Time(t);
  const storage = new FakeStorage();
  const server = new FakeServer();
  server.mode = 'down';
  const first = start(new FakeWeChat({ storage }), server);
  const second = start(new FakeWeChat({ storage }), server);
  await first.ask('A');
  await second.ask('B');
  await first.ask('C');
  server.mode = 'ok';
  await time.pass(60000);
  assert.deepEqual(server.counts, { A: 1, B: 1, C: 1 });
  assert.deepEqual(storage.entries, []);
});

test('an answer that was lost on its way back counts once', async (t) => {
  const time = new Time(t);
  const wechat = new FakeWeChat();
  const server = new FakeServer();
  server.mode = 'lost';
  const subscriber = start(wechat, server);
  await subscriber.ask('A');
  await time.pass(10000);
  server.mode = 'ok';
  await time.pass(60000);
  assert.ok(server.requests > 2);
  assert.deepEqual(server.counts, { A: 1 });
  assert.equal(subscriber.pending, 0);
});
