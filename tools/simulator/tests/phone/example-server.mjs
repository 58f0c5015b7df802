// An example server of a game as a team starts it: examples/python/server.py or examples/cpp/server.cpp, with a store of its own.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../../scripts/server.sh', import.meta.url));

export class ExampleServer {
  constructor(kind, wechat) {
    this.kind = kind;
    this.wechat = wechat;
    this.folder = mkdtempSync(join(tmpdir(), 'wxsub-server-'));
    this.port = 0;
    /** What it said, a line each. */
    this.lines = [];
  }

  /** Starts it, or starts it again: at the same address, on the same store. */
  async start() {
    const library = dirname(process.env.WXSUB_SIMULATOR);
    const options = ['--appid', 'wx0000000000000000', '--api-base', this.wechat, '--store', join(this.folder, 'game.db')];
    this.child = spawn(SCRIPT, [this.kind, library, ...options, '--port', String(this.port), '--seconds', '0.5'], {
      env: { ...process.env, WXSUB_SECRET: 'simulator-secret', WXSUB_EVENT_TOKEN: 'spamtest' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: this.child.stdout });
    const ended = once(this.child, 'exit').then(() => Promise.reject(new Error(`the ${this.kind} server ended, see above`)));
    ended.catch(() => {});
    const [first] = await Promise.race([once(lines, 'line'), ended]);
    lines.on('line', (line) => this.lines.push(line));
    this.url = /http:\S+/.exec(first)[0];
    this.port = new URL(this.url).port;
    return this;
  }

  /** As a crash does: nothing is written any more. */
  async kill() {
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async post(path, body, session) {
    const headers = { 'content-type': 'application/json', ...(session ? { authorization: `Bearer ${session}` } : {}) };
    const answer = await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** A login of this player's from elsewhere: {session, ask, counts}. */
  login(openid) {
    return this.post('/login', { code: `code-${openid}~${randomUUID()}`, scene: 1001 });
  }

  async count(openid, template) {
    return (await this.login(openid)).counts[template];
  }

  /** The stamina of this player is used up. */
  async event(openid) {
    const { session } = await this.login(openid);
    return this.post('/event', { event: 'stamina' }, session);
  }

  async metrics() {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  said(text) {
    return this.lines.some((line) => line.includes(text));
  }
}
