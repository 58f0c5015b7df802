// The game is killed before and after every step that the outside sees, once and twice over; then it is started again.
//
// A step is a call to WeChat, its answer, a read or a write of the storage, a report leaving, the server applying it and
// the reply coming back. A killed game does nothing more; WeChat, the storage and the server live on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subscriber } from '../src/index.js';
import { FakeServer, FakeStorage, FakeWeChat, Time, settle } from './fakes.mjs';

class Killed extends Error {}

/** One run of the game, from its start to its kill: every step goes through `step`. */
class Run {
  /** Killed at step `at` (from 0), before or after its effect; -1: lives. */
  constructor(at, after) {
    this.at = at;
    this.after = after;
    this.steps = 0;
    this.dead = false;
  }

  step(effect) {
    if (this.dead) throw new Killed();
    if (this.steps++ === this.at) {
      if (this.after) effect();
      this.dead = true;
      throw new Killed();
    }
    return effect();
  }

  /** For what happens to the game: a dead one does not notice. */
  quietly(effect) {
    try {
      this.step(effect);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

class World {
  constructor() {
    this.storage = new FakeStorage();
    this.server = new FakeServer();
    this.everStored = new Map();
    this.reported = [];
  }

  start(run) {
    const wechat = new FakeWeChat({ storage: this.storage });
    wechat.setting = { mainSwitch: true, itemSettings: { Z: 'reject' } };
    const call = (api) => (option) =>
      run.step(() =>
        wechat[api === 'getSetting' ? 'getSetting' : 'request'](
          ...(api === 'getSetting' ? [] : [api, option.tmplIds || option.msgTypeList]),
          {
            withSubscriptions: option.withSubscriptions,
            success: (res) => run.quietly(() => option.success(res)),
            fail: (res) => run.quietly(() => option.fail(res)),
          },
        ),
      );
    const wx = {
      getAppBaseInfo: () => ({ SDKVersion: '3.8.0' }),
      getStorageSync: (key) => run.step(() => this.storage.getStorageSync(key)),
      setStorageSync: (key, value) =>
        run.step(() => {
          this.storage.setStorageSync(key, value);
          for (const entry of this.storage.entries) this.everStored.set(entry.id, entry);
        }),
      requestSubscribeMessage: call('requestSubscribeMessage'),
      requestSubscribeSystemMessage: call('requestSubscribeSystemMessage'),
      getSetting: call('getSetting'),
    };
    const report = (entry) =>
      new Promise((resolve) => {
        run.step(() => this.reported.push(entry.id));
        setImmediate(() =>
          run.quietly(() => {
            this.server.apply(entry);
            setImmediate(() => run.quietly(() => resolve(true)));
          }),
        );
      });
    return new Subscriber({ wx, report });
  }
}

/** What a player does in a session: login, two dialogs, a system type, another login. */
async function play(subscriber, run) {
  for (const act of [
    () => subscriber.sync(),
    () => subscriber.ask(['A', 'B']),
    () => subscriber.ask(['A']),
    () => subscriber.askSystem(['SYS_MSG_TYPE_RANK']),
  ]) {
    if (run.dead) return;
    try {
      act().catch(() => {});
    } catch (error) {
      assert.ok(error instanceof Killed, error);
    }
    await settle();
  }
}

async function session(world, time, at, after) {
  const run = new Run(at, after);
  const timers = time.timers.size;
  await play(world.start(run), run);
  if (run.dead) time.timers.clear();
  else assert.equal(time.timers.size, timers, 'a session that ended well leaves no timer');
  return run;
}

/** Started again after the kills, with nobody tapping: everything that was stored reaches the server, once, in order. */
async function recover(world, time, name) {
  await world.start(new Run(-1)).sync();
  await settle();
  await time.pass(600000);
  const seen = world.server.seen.map(({ id }) => id);
  const last = [...world.everStored.values()].filter(({ kind }) => kind === 'setting').pop();
  for (const entry of world.everStored.values()) {
    // A look at the settings may be replaced by a newer one.
    if (entry.kind === 'setting' && entry !== last) continue;
    assert.equal(seen.filter((id) => id === entry.id).length, 1, `${name}: ${JSON.stringify(entry)} was lost`);
  }
  assert.equal(new Set(seen).size, seen.length, `${name}: applied twice`);
  assert.deepEqual(world.reported.filter((id) => !world.everStored.has(id)), [], `${name}: reported before it was stored`);
  const order = [...world.everStored.keys()].filter((id) => seen.includes(id));
  assert.deepEqual(seen, order, `${name}: out of order`);
  assert.deepEqual(world.storage.entries, [], `${name}: something is left`);
}

test('without a kill, the steps and what they add up to', async (t) => {
  const time = new Time(t);
  const world = new World();
  const run = await session(world, time, -1, false);
  await recover(world, time, 'no kill');
  assert.deepEqual(world.server.counts, { A: 2, B: 1, SYS_MSG_TYPE_RANK: 1 });
  assert.ok(run.steps > 40, `${run.steps} steps`);
});

test('killed before or after every step, once', async (t) => {
  const time = new Time(t);
  let kills = 0;
  for (const after of [false, true]) {
    for (let at = 0; ; at += 1) {
      const world = new World();
      const run = await session(world, time, at, after);
      if (!run.dead) break;
      kills += 1;
      await recover(world, time, `killed ${after ? 'after' : 'before'} step ${at}`);
    }
  }
  assert.ok(kills > 80, `${kills} kills`);
});

test('killed at every step of the start after the kill, too', async (t) => {
  const time = new Time(t);
  let kills = 0;
  for (let first = 3; first < 30; first += 4) {
    for (let second = 0; ; second += 1) {
      const world = new World();
      await session(world, time, first, true);
      const run = await session(world, time, second, second % 2 === 0);
      if (!run.dead) break;
      kills += 1;
      await recover(world, time, `killed at ${first} and ${second}`);
    }
  }
  assert.ok(kills > 200, `${kills} kills`);
});
