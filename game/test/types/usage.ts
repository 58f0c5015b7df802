// Compiled, never run: what a game may write, and what the compiler must refuse.
import { Subscriber, SubscribeError } from 'wxsub-client';
import type { AskResult, Report, SubscribeErrorCode, SyncResult } from 'wxsub-client';

interface RequestOption {
  url: string;
  data?: unknown;
  success?(res: { statusCode: number }): void;
  fail?(res: { errMsg: string }): void;
}
declare const wx: {
  request(option: RequestOption): unknown;
  requestSubscribeMessage(option: { tmplIds: string[]; success?(res: Record<string, string>): void }): void;
  requestSubscribeSystemMessage(option: { msgTypeList: string[] }): void;
  getSetting(option?: { withSubscriptions?: boolean }): void;
  getAppBaseInfo(): { SDKVersion: string; language: string };
  getStorageSync(key: string): any;
  setStorageSync(key: string, data: any): void;
};

const subscriber = new Subscriber({
  wx,
  report: (report: Report) =>
    new Promise<boolean>((resolve) =>
      wx.request({ url: 'https://example.com', data: report, success: (res) => resolve(res.statusCode < 500), fail: () => resolve(false) }),
    ),
  onError: (error) => String(error),
});

export async function use(): Promise<string> {
  const asked: AskResult = await subscriber.ask(['A', 'B'] as const);
  const word = asked.answers['A'];
  if (word === 'accept' || word === 'acceptWithAudio') return asked.id;
  const system: AskResult = await subscriber.askSystem('SYS_MSG_TYPE_RANK');
  const sync: SyncResult = await subscriber.sync();
  const silent: boolean = subscriber.canAskSilently(['A']);
  return `${system.accepted[0]} ${sync.mainSwitch} ${silent} ${subscriber.pending}`;
}

export function explain(error: unknown): SubscribeErrorCode | undefined {
  return error instanceof SubscribeError && error.errCode !== 20004 ? error.code : undefined;
}

new Subscriber({ wx, report: () => true, storage: { getStorageSync: () => '', setStorageSync: () => {} }, key: 'k' });

// @ts-expect-error: report is needed
new Subscriber({ wx });
// @ts-expect-error: a report answers true or false
new Subscriber({ wx, report: () => 'ok' });
// @ts-expect-error: ids are strings
void subscriber.ask([1]);
// @ts-expect-error: read only
subscriber.pending = 0;
// @ts-expect-error: no such code
export const code: SubscribeErrorCode = 'taps';
