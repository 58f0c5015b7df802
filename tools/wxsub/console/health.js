// Will it work? What wxsub_check says, in colours; the token; what waits.
import { ask, post } from './api.js';
import { h } from './dom.js';
import { count, duration, sinceText, t } from './text.js';

const TOPICS = ['event', 'store', 'network', 'credentials', 'templates', 'token'];
// What the library says when a topic is well; anything else under a failed check is wrong.
const GOOD = /^(writable|readable|readable and writable|opened|reached|right|a token was handed in|\d+)($|[ ;,])/;

// Of these there is a translation; all else is the library's own text.
const SHORT = ['writable', 'reached', 'right'];

export async function health(view, { signal }) {
  const body = h('div');
  view.append(h('div.row.between', h('h1', t('health')), h('button', { id: 'again', onclick: () => draw(body, signal) }, t('checkAgain'))), body);
  await draw(body, signal);
}

async function draw(body, signal) {
  const [checks, token, stats] = await Promise.all([post('check'), maybe(ask('token')), maybe(ask('stats'))]);
  if (signal.aborted) return;
  const verdicts = [checks.store, checks.wechat].filter(Boolean);
  // The store is the observer's to judge, WeChat the other's.
  const topics = [...new Map(verdicts.flatMap(parts).map((topic) => [topic.name, topic])).values()];
  const failed = verdicts.find((verdict) => verdict.status !== 'WXSUB_OK');
  const tone = failed ? 'bad' : topics.some((topic) => topic.tone === 'warn') ? 'warn' : 'good';
  body.replaceChildren(
    h(`div.verdict.${tone}`, { 'data-verdict': tone }, h(`span.dot.${tone}`), h('span', t(`verdict_${tone}`)), failed ? h('code', failed.status) : null),
    h(
      'div.card',
      h('ul.checks', topics.map((topic) => h('li', { 'data-topic': topic.name, 'data-tone': topic.tone }, h(`span.dot.${topic.tone}`), h('b', t(`topic_${topic.name}`)), h('span.says', SHORT.includes(topic.says) ? t(`says_${topic.says}`) : topic.says)))),
      checks.wechat ? null : h('p.soft.small', t('wechatNotChecked')),
    ),
    stats ? h('h2', t('waiting')) : '',
    stats ? tiles(stats) : '',
    token ? h('h2', t('token')) : '',
    token ? h('div.card', tokenFacts(token)) : '',
  );
}

/** A part of the page that may be missing does not take the others with it. */
async function maybe(promise) {
  try {
    return await promise;
  } catch {
    return null;
  }
}

function parts(verdict) {
  const split = verdict.message.split(new RegExp(`; (?=(?:${TOPICS.join('|')}): )`));
  return split.filter(Boolean).map((part) => {
    const [, name, says] = /^(\w+): ([\s\S]*)$/.exec(part) || [null, 'store', part];
    const known = TOPICS.includes(name) ? name : 'store';
    return { name: known, says, tone: toneOf(verdict, known, says) };
  });
}

function toneOf(verdict, name, says) {
  const warns = / but |^none yet|could not be read/.test(says) || name === 'event';
  if (verdict.status === 'WXSUB_OK') return warns ? 'warn' : 'good';
  return name !== 'event' && !GOOD.test(says) ? 'bad' : warns ? 'warn' : 'good';
}

function tiles(stats) {
  const late = stats.outbox_oldest_due_ms || 0;
  const tile = (name, value, tone) => h('div.tile', h('span.name', tone ? h(`span.dot.${tone}`) : null, t(name)), h('b', value));
  return h(
    'div.tiles',
    tile('outboxWaiting', count(stats.outbox_waiting)),
    tile('outboxDue', count(stats.outbox_due)),
    tile('outboxLate', late ? duration(late) : '–', late > 60000 ? 'bad' : late > 10000 ? 'warn' : 'good'),
  );
}

function tokenFacts(token) {
  const failing = token.failures > 0;
  return h(
    'dl.facts',
    h('dt', t('tokenState')),
    h('dd', h(`span.badge.${failing ? 'bad' : token.left_ms > 0 ? 'good' : 'info'}`, failing ? t('tokenFails') : token.left_ms > 0 ? t('tokenGood') : t('tokenNone'))),
    h('dt', t('tokenMode')),
    h('dd', h('code', token.mode), token.source && token.source !== 'none' ? [' · ', token.source] : ''),
    token.age_ms !== null && token.age_ms !== undefined ? [h('dt', t('tokenAge')), h('dd', sinceText(token.age_ms))] : [],
    token.left_ms ? [h('dt', t('tokenLeft')), h('dd', duration(token.left_ms))] : [],
    failing ? [h('dt', t('tokenFailures')), h('dd.bad', `${count(token.failures)}`)] : [],
    token.why ? [h('dt', t('why')), h('dd', token.why)] : [],
  );
}
