// The frame: views by address, language, light and dark.
import { post } from './api.js';
import { empty, h } from './dom.js';
import { audit } from './audit.js';
import { campaign, campaigns } from './campaigns.js';
import { funnel } from './funnel.js';
import { health } from './health.js';
import { outbox } from './outbox.js';
import { player } from './player.js';
import { players } from './players.js';
import { chooseLanguage, language, t } from './text.js';

const VIEWS = { health, funnel, players, player, outbox, campaigns, campaign, audit };
const LINKS = ['health', 'funnel', 'players', 'outbox', 'campaigns', 'audit'];
const PARENT = { player: 'players', campaign: 'campaigns' };

let about = {};
let leave = () => {};

function stored(key, value) {
  try {
    return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value);
  } catch {
    return null; // A browser that keeps nothing.
  }
}

function theme() {
  return stored('wxsub-theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}

function place() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  return { name: VIEWS[name] ? name : 'health', argument: decodeURIComponent(rest.join('/')) };
}

async function show() {
  leave();
  const { name, argument } = place();
  const box = document.getElementById('view');
  const stop = new AbortController();
  leave = () => stop.abort();
  frame(name);
  const view = h('div', { 'data-view': name });
  box.replaceChildren(view);
  document.title = `${t(PARENT[name] || name)} · wxsub`;
  try {
    await VIEWS[name](view, { argument, write: about.write, signal: stop.signal });
    view.dataset.ready = '';
  } catch (error) {
    if (!stop.signal.aborted) view.replaceChildren(h('h1', t(PARENT[name] || name)), failed(error));
  }
}

function failed(error) {
  return h('div.verdict.bad', { 'data-failed': '' }, h('span.dot.bad'), h('div', error.status ? h('div', h('code', error.status)) : null, error.message));
}

function frame(name) {
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset.theme = theme();
  const other = theme() === 'dark' ? 'light' : 'dark';
  document.getElementById('head').replaceChildren(
    h('span.brand', 'wxsub'),
    h('span.where', { title: `${about.appid} · ${about.store}` }, h('code', about.appid), h('span.wide', ' · ', h('code', about.store))),
    about.write ? h('span.badge.warn', t('canWrite')) : h('span.badge', t('readOnly')),
    h('button.plain', { id: 'theme', title: t(other), 'aria-label': t(other), onclick: () => (stored('wxsub-theme', other), show()) }, other === 'dark' ? '◐' : '◑'),
    h('button.plain', { id: 'language', onclick: () => (chooseLanguage(language() === 'zh' ? 'en' : 'zh', stored), show()) }, language() === 'zh' ? 'English' : '中文'),
  );
  const current = PARENT[name] || name;
  document.getElementById('nav').replaceChildren(
    h('div.links', LINKS.map((link) => h('a', { href: `#/${link}`, 'aria-current': link === current ? 'page' : null }, t(link)))),
  );
}

async function start() {
  try {
    about = await post('about');
  } catch (error) {
    document.getElementById('view').replaceChildren(failed(error));
    return;
  }
  chooseLanguage(stored('wxsub-language') || about.lang);
  addEventListener('hashchange', show);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  await show();
}

start().catch((error) => document.getElementById('view').replaceChildren(empty(error.message)));
