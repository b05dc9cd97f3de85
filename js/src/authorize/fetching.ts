// Getting things from servers that the configuration names: bounded in time and size, never redirected.

import type { Fetch } from '../../types/index.js';

export type Ask = {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of a POST; without one it is a GET. */
  readonly body?: string;
  /** The most bytes that are read. */
  readonly most: number;
  readonly signal: AbortSignal;
};

/** The text of an answer with status 200; anything else throws. */
export async function fetchText(fetch: Fetch, { url, headers, body, most, signal }: Ask): Promise<{ text: string; headers: Headers }> {
  const init: RequestInit = { method: body === undefined ? 'GET' : 'POST', redirect: 'manual', signal };
  if (headers !== undefined) init.headers = { ...headers };
  if (body !== undefined) init.body = body;
  const response = await fetch(url, init);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${shown(url)} answered with status ${response.status}`);
  }
  return { text: await bounded(response, most, url), headers: response.headers };
}

async function bounded(response: Response, most: number, url: string): Promise<string> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > most) {
      await reader.cancel();
      throw new Error(`${shown(url)} answered with more than ${most} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** An address for a message: a query may hold what nobody else should read. */
function shown(url: string): string {
  return url.split('?')[0] ?? '';
}
