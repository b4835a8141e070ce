import { setTimeout as delay } from 'node:timers/promises';
import { InputError, messageOf } from '../errors.ts';
import { maxFileBytes } from './workItem.ts';

export interface HttpOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Longest silence of the server, before the answer or within it, ms. */
  readonly timeoutMs: number;
  /** Pause before the first repetition, doubled for the second, ms. */
  readonly retryDelayMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly contentType: string | null;
  readonly body: Uint8Array;
}

const maxTries = 3;
/** Overload and gateways in between: worth another try in an overnight run. A 500 is the server's own fault and stays. */
const passingStatuses = new Set([429, 502, 503, 504]);

/**
 * GET with a limit on silence and on size.
 * @returns null for 204 No Content
 * @throws InputError `http` with the status, `timeout` or `network`; the signal's reason when it is aborted
 */
export async function httpGet(url: string, accept: string, options: HttpOptions): Promise<HttpAnswer | null> {
  for (let tries = 1; ; tries++) {
    const outcome = await attempt(url, accept, options);
    if (!('retry' in outcome)) return outcome.answer;
    if (tries === maxTries) throw outcome.retry;
    await delay(options.retryDelayMs * 2 ** (tries - 1), undefined, { signal: options.signal });
  }
}

async function attempt(url: string, accept: string, { headers, timeoutMs, signal }: HttpOptions): Promise<{ answer: HttpAnswer | null } | { retry: InputError }> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), timeoutMs);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), timeoutMs);
  };
  try {
    const response = await fetch(url, { headers: { ...headers, accept }, signal: AbortSignal.any([signal, silence.signal]) });
    heard();
    if (!response.ok) {
      await response.body?.cancel();
      const failure = new InputError('http', statusMessage(response.status, response.statusText));
      if (passingStatuses.has(response.status)) return { retry: failure };
      throw failure;
    }
    if (response.status === 204 || !response.body) return { answer: null };
    const chunks: Uint8Array[] = [];
    let numBytes = 0;
    for await (const chunk of response.body) {
      heard();
      chunks.push(chunk);
      numBytes += chunk.length;
      if (numBytes > maxFileBytes) throw new InputError('tooLarge', `answer is longer than ${maxFileBytes} bytes`);
    }
    return { answer: { contentType: response.headers.get('content-type'), body: Buffer.concat(chunks) } };
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (signal.aborted) throw signal.reason;
    if (silence.signal.aborted) throw new InputError('timeout', `server did not answer for ${timeoutMs / 1000} s`);
    const cause = (error as { cause?: unknown }).cause;
    return { retry: new InputError('network', `server cannot be reached: ${messageOf(cause ?? error)}`, { cause: error }) };
  } finally {
    clearTimeout(timer);
  }
}

function statusMessage(status: number, text: string): string {
  const answer = `server answered ${status}${text ? ` ${text}` : ''}`;
  if (status === 401 || status === 403) return `${answer}: give credentials with --header or in DICOMWEB_AUTHORIZATION`;
  if (status === 404) return `${answer}: no such study or instance`;
  return answer;
}
