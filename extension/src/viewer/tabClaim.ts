/**
 * One tab among those of this browser holds a name: by messages between them, for pages without https, where the
 * browser offers no locks. Who asks and hears no holder for a moment is the holder; of two that ask at once, the one
 * that began first. A holder that has crashed is missed at the next asking.
 */
const ANSWER_MS = 500;
const ASK_AGAIN_MS = 5000;

type Message = { readonly type: 'ask' | 'held'; readonly tab: string } | { readonly type: 'left' };

interface TabClaimOptions {
  /** ends the claim, or the wait for it */
  readonly signal: AbortSignal;
  /** the one that holds the name has gone, and it is this tab's now */
  readonly onTurn: () => void;
}

/** @returns whether this tab holds the name at once */
export async function claimAmongTabs(name: string, { signal, onTurn }: TabClaimOptions): Promise<boolean> {
  const channel = new BroadcastChannel(name);
  // Tabs are compared by it: the time first, in as many digits for the next 250 years.
  const tab = `${Date.now()} ${Math.random()}`;
  let state: 'asking' | 'waiting' | 'held' = 'waiting';
  let refuse = (): void => {};
  let again: ReturnType<typeof setTimeout> | undefined;
  const say = (message: Message): void => channel.postMessage(message);

  const ask = async (): Promise<boolean> => {
    state = 'asking';
    const isRefused = new Promise<boolean>(resolve => {
      refuse = () => resolve(true);
      setTimeout(resolve, ANSWER_MS, false);
    });
    say({ type: 'ask', tab });
    const isHeld = !(await isRefused) && !signal.aborted;
    state = isHeld ? 'held' : 'waiting';
    return isHeld;
  };
  const askAgain = async (): Promise<void> => {
    clearTimeout(again);
    if (signal.aborted || state !== 'waiting') return;
    if (await ask()) onTurn();
    else if (!signal.aborted) again = setTimeout(() => void askAgain(), ASK_AGAIN_MS);
  };

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.type === 'left') void askAgain();
    else if (data.type === 'held' && data.tab === tab) refuse();
    else if (data.type === 'ask' && (state === 'held' || (state === 'asking' && tab < data.tab))) say({ type: 'held', tab: data.tab });
  };
  signal.addEventListener('abort', () => {
    clearTimeout(again);
    if (state === 'held') say({ type: 'left' });
    channel.close();
  });

  const isHeld = await ask();
  if (!isHeld && !signal.aborted) again = setTimeout(() => void askAgain(), ASK_AGAIN_MS);
  return isHeld;
}
