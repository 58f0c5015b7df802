// A simulator, a game server, a console, and a browser that looks at it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.WXSUB_PROGRAM;
const SHOTS = process.env.WXSUB_SHOTS || mkdtempSync(join(tmpdir(), 'wxsub-console-'));
const HERE = fileURLToPath(new URL('.', import.meta.url));

export const APPID = 'wx0000000000000000';
export const SECRET = 'simulator-secret';

if (!PROGRAM) throw new Error('set WXSUB_PROGRAM to the operator\'s program; run.sh does');

function environment(world, more) {
  const own = { WXSUB_APPID: APPID, WXSUB_SECRET: SECRET, WXSUB_STORE: world.store, WXSUB_API_BASE: world.simulator.url, LANG: 'C.UTF-8' };
  return { PATH: process.env.PATH, ...own, ...more };
}

/** Runs the program to its end. */
export async function wxsub(world, args, { input, env = {} } = {}) {
  const child = spawn(PROGRAM, args, { env: environment(world, env), stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text));
  child.stdin.on('error', () => {}); // One that refuses its arguments does not read it.
  child.stdin.end(input ?? '');
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`wxsub ${args.join(' ')}: ${code}: ${said.err || said.out}`);
  return said.out;
}

/** Whether the library answers a request; what it does not know it says. */
export async function knows(world, ...what) {
  const command = { funnel: ['funnel'], history: ['history'], audit: ['audit'], mute: ['mute', 'o-nobody', '--off'], import: ['import', '-', '--mode', 'set'], campaigns: ['campaign', 'list'] };
  for (const one of what) {
    try {
      await wxsub(world, [...command[one], '--create'], { input: 'openid,template_id,count\no-nobody,t,0\n' });
    } catch (error) {
      if (/ is not one of |no request|unknown|did you mean/i.test(error.message)) return false;
      throw error;
    }
  }
  return true;
}

async function startSimulator(more) {
  const child = spawn(PROGRAM, ['simulator', '--exit-with-stdin', ...more], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const url = /http:\S+/.exec(line)[0];
  return {
    url,
    sim: async (path, body) => (await fetch(`${url}/sim/${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })).json(),
    stop: () => ended(child),
  };
}

async function ended(child) {
  child.stdin?.end();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A game server in Python: one call a line, one answer a line. */
export async function startServer(world, settings = {}) {
  const config = { appid: APPID, secret: SECRET, api_base: world.simulator.url, store: world.store, ...settings };
  const env = { ...process.env, PYTHONPATH: join(HERE, '../../../../bindings/python') };
  const child = spawn('python3', [join(HERE, 'server.py'), JSON.stringify(config)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const server = {
    call: async (name, ...args) => {
      child.stdin.write(`${JSON.stringify([name, ...args])}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the game server ended');
      const answer = JSON.parse(value);
      if (answer.error) throw new Error(`${name}: ${answer.error}`);
      return answer.result;
    },
    stop: () => ended(child),
  };
  world.stops.unshift(server.stop);
  return server;
}

export async function startConsole(world, args = [], env = {}) {
  const child = spawn(PROGRAM, ['console', '--json', ...args], { env: environment(world, env), stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const stop = async () => {
    child.kill('SIGINT');
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  };
  world.stops.unshift(stop);
  const { url } = JSON.parse(line);
  return { url, origin: new URL(url).origin, pid: child.pid, stop };
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.WXSUB_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** All that a test needs; stops with it. */
export async function world(t, simulatorOptions = []) {
  const folder = mkdtempSync(join(tmpdir(), 'wxsub-world-'));
  const made = { folder, store: join(folder, 'wxsub.db'), stops: [] };
  made.simulator = await startSimulator(simulatorOptions);
  t.after(async () => {
    for (const stop of made.stops) await stop();
    await made.simulator.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return made;
}

/** The console's page in a browser context of its own. */
export class Page {
  static async open(browser, console, { size = { width: 1280, height: 860 }, scheme = 'light' } = {}) {
    const context = await browser.newContext({ viewport: size, colorScheme: scheme, deviceScaleFactor: 1 });
    const page = await context.newPage();
    const made = new Page(context, page, console);
    page.on('pageerror', (error) => made.errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && made.errors.push(message.text()));
    page.on('request', (request) => made.asked.push(request.url()));
    await page.goto(console.url);
    await page.locator('#nav a').first().waitFor();
    return made;
  }

  constructor(context, page, console) {
    this.context = context;
    this.page = page;
    this.console = console;
    this.errors = [];
    this.asked = [];
  }

  async view(place) {
    await this.page.evaluate((hash) => (location.hash = hash), `#/${place}`);
    await this.page.locator(`[data-view="${place.split('/')[0]}"][data-ready]`).waitFor({ timeout: 60000 });
  }

  text(selector) {
    return this.page.locator(selector).innerText();
  }

  async shot(name) {
    mkdirSync(SHOTS, { recursive: true });
    await this.page.waitForTimeout(120);
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`), animations: 'disabled', fullPage: true });
  }

  /** Nothing is wider than the screen. */
  overflow() {
    return this.page.evaluate('document.documentElement.scrollWidth - innerWidth');
  }

  close() {
    return this.context.close();
  }
}

/** Waits until `look` gives something true. */
export async function until(look, what, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

process.on('exit', () => {
  if (!process.env.WXSUB_SHOTS) rmSync(SHOTS, { recursive: true, force: true });
});
