// A simulator, a browser, and phones in it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { GameServer } from './game-server.mjs';

const SHOTS = process.env.WXSUB_SHOTS || mkdtempSync(join(tmpdir(), 'wxsub-phone-'));

export async function startSimulator(...more) {
  const program = process.env.WXSUB_SIMULATOR;
  if (!program) throw new Error('set WXSUB_SIMULATOR to the simulator program; run.sh does');
  const child = spawn(program, ['--port', '0', '--exit-with-stdin', ...more], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const url = /http:\S+/.exec(line)[0];
  return {
    url,
    sim: async (path, body) => {
      const answer = await fetch(`${url}/sim/${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
      return answer.json();
    },
    stop: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.WXSUB_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A phone in a browser context of its own: another player has another storage. */
export class Phone {
  static async open(browser, simulator, server, { player = 'alice', query = {}, size = { width: 1000, height: 900 }, scheme = 'light' } = {}) {
    const context = await browser.newContext({ viewport: size, colorScheme: scheme, deviceScaleFactor: 1, hasTouch: size.width < 800 });
    const page = await context.newPage();
    const phone = new Phone(context, page, player);
    page.on('pageerror', (error) => phone.errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && phone.errors.push(message.text()));
    const search = new URLSearchParams({ player, lang: 'zh', ...(server ? { server: server.url } : {}), ...query });
    await page.goto(`${simulator.url}/phone?${search}`);
    return phone;
  }

  constructor(context, page, player) {
    this.context = context;
    this.page = page;
    this.openid = `o-${player}`;
    this.errors = [];
    this.game = page.frameLocator('#frame');
  }

  async ready() {
    await this.game.locator('html[data-login] #status').filter({ hasText: /\d/ }).waitFor();
  }

  async ask() {
    await this.game.locator('#remind').click();
    await this.page.locator('#sheet').waitFor();
  }

  async choose(button, { keep = false, without = [] } = {}) {
    for (const id of without) await this.page.locator(`#sheet label:has(input[value="${id}"])`).click();
    if (keep) await this.page.locator('.sheet-keep').click();
    await this.page.locator(`#sheet .${button}`).click();
  }

  async accept(options) {
    await this.ask();
    await this.choose('allow', options);
  }

  pending() {
    return this.page.frames().find((frame) => frame.url().endsWith('game.html')).evaluate('subscriber.pending');
  }

  /** What the game itself does in its frame. */
  inGame(script, argument) {
    return this.page.frames().find((frame) => frame.url().endsWith('game.html')).evaluate(script, argument);
  }

  trouble(name) {
    const element = this.page.locator(`[data-trouble="${name}"]`);
    return name === 'offline' || name === 'lostReport' || name === 'twice' ? this.page.locator(`.flag:has([data-trouble="${name}"])`).click() : element.click();
  }

  async shot(name) {
    mkdirSync(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`), animations: 'disabled' });
  }

  close() {
    return this.context.close();
  }
}

/** Waits until `look` gives something true. */
export async function until(look, what) {
  const end = Date.now() + 20000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Everything that a test needs; stops with it. `server` makes the game's server; by default one that tests can look into. */
export async function world(t, browser, { server: makeServer = (wechat) => new GameServer(wechat).start() } = {}) {
  const simulator = await startSimulator();
  const server = await makeServer(simulator.url);
  const phones = [];
  t.after(async () => {
    for (const phone of phones) await phone.close();
    await server.stop();
    await simulator.stop();
  });
  return {
    simulator,
    server,
    remaining: async (openid, template) => (await simulator.sim(`remaining?openid=${openid}&template_id=${template}`)).remaining,
    phone: async (options) => {
      const phone = await Phone.open(browser, simulator, options?.alone ? null : server, options);
      phones.push(phone);
      return phone;
    },
  };
}

process.on('exit', () => {
  if (!process.env.WXSUB_SHOTS) rmSync(SHOTS, { recursive: true, force: true });
});
