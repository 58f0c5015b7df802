// Every text has both languages, and every text that the page asks for is there.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { TEXTS } from '../../console/text.js';
import { ANSWERS, KINDS, STATUSES, explain, standing } from '../../console/why.js';

const chinese = /[\u4e00-\u9fff]/;

function both(name, pair) {
  assert.equal(pair.length, 2, name);
  const [en, zh] = pair;
  assert.ok(en && zh, name);
  assert.ok(!chinese.test(en), `${name} is not English`);
  assert.ok(chinese.test(zh) || ['key'].includes(name), `${name} is not Chinese`);
  const marks = (text) => (text.match(/\{\d\}/g) || []).sort();
  assert.deepEqual(marks(en), marks(zh), name);
}

test('every text says the same in both languages', () => {
  assert.ok(Object.keys(TEXTS).length > 120);
  for (const [name, pair] of Object.entries(TEXTS)) both(name, pair);
  for (const table of [STATUSES, ANSWERS, KINDS]) {
    for (const [name, [, title, text]] of Object.entries(table)) {
      both(`${name} (title)`, title);
      both(`${name} (text)`, text);
    }
  }
});

test('every text that is asked for is there', () => {
  const folder = new URL('../../console/', import.meta.url);
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.js'))) {
    for (const [, key] of readFileSync(new URL(name, folder), 'utf8').matchAll(/\bt\('(\w+)'/g)) {
      assert.ok(TEXTS[key], `${key} of ${name}`);
    }
  }
  const reasons = ['count', 'leave', 'per_day', 'per_week', 'quiet', 'budget', 'muted', 'refused', 'long_term_off', 'expired', 'not_known'];
  for (const reason of reasons) assert.ok(TEXTS[`reason_${reason}`] && TEXTS[`about_reason_${reason}`], reason);
  for (const state of ['waiting', 'running', 'paused', 'done', 'cancelled']) assert.ok(TEXTS[`state_${state}`], state);
});

test('every status of the header has words', () => {
  const header = readFileSync(new URL('../../../../include/wxsub.h', import.meta.url), 'utf8');
  const names = [...header.matchAll(/^#define (WXSUB_(?:OK|E_\w+)) \d+/gm)].map(([, name]) => name);
  assert.ok(names.length > 20, names);
  // These are never the end of a message.
  const calls = ['ARG', 'CONFIG', 'STATE', 'FORKED', 'QUEUE_FULL', 'SIGNATURE', 'NOT_FOUND', 'TOO_LATE'].map((name) => `WXSUB_E_${name}`);
  for (const name of names.filter((name) => !calls.includes(name))) assert.ok(STATUSES[name], name);
});

test('why: the newest of what decides', () => {
  const at = (minutes) => Date.now() - minutes * 60000;
  const entry = (minutes, more) => ({ at_ms: at(minutes), template_id: 't', ...more });
  const known = (n) => ({ counts: { t: n } });
  const accept = entry(9, { what: 'report', answer: 'accept' });
  const sent = entry(5, { what: 'send', status: 'WXSUB_OK' });
  const refused = entry(3, { what: 'send', status: 'WXSUB_E_REFUSED' });
  assert.match(standing(known(2), [sent, accept])[0].text, /^2 more may be sent; the player accepted last at 20/);
  assert.match(standing(known(0), [sent, accept])[0].text, /the last one was sent at/);
  assert.match(standing(known(0), [refused, sent, accept])[0].text, /does not allow it/);
  assert.match(standing(known(0), [entry(1, { what: 'event', answer: 'reject' }), refused])[0].text, /rejected at/);
  assert.deepEqual(standing({ counts: {} }, []), []);
  assert.equal(explain(sent).tone, 'good');
  assert.equal(explain(entry(1, { what: 'settled', status: 'WXSUB_OK' })).title, 'Settled by an event');
  assert.equal(explain(entry(1, { what: 'stored', status: 'WXSUB_OK' })).title, 'Stored for later');
  assert.equal(explain(entry(1, { what: 'skipped', status: 'WXSUB_E_SKIPPED', message: 'quiet' })).said, 'quiet');
  assert.match(explain(entry(1, { what: 'new-kind' })).title, /new-kind/);
});
