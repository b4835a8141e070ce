const nonTerminalIntervalMs = 10_000;
const terminalIntervalMs = 200;

/** What a person sees on stderr: one line that renews itself on a terminal, one line every ten seconds in a log. */
export class Progress {
  private numCounted = 0;
  private numFailed = 0;
  private lastShownMs = 0;
  private hasLine = false;
  private readonly startMs = performance.now();

  constructor(private readonly stream: NodeJS.WriteStream, private readonly isQuiet: boolean) {}

  /** @param numFrames counted frames of one input; `failure` is told in any case */
  input(file: string, numFrames: number, failures: readonly string[]): void {
    this.numCounted += numFrames;
    for (const failure of failures) {
      this.numFailed++;
      this.note(`${file}: ${failure}`);
    }
    const now = performance.now();
    if (this.isQuiet || now - this.lastShownMs < (this.stream.isTTY ? terminalIntervalMs : nonTerminalIntervalMs)) return;
    this.lastShownMs = now;
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${this.line()}` : `${this.line()}\n`);
    this.hasLine = this.stream.isTTY;
  }

  /** A message of its own line, also when quiet. */
  note(text: string): void {
    this.clear();
    this.stream.write(`${text}\n`);
  }

  finish(): void {
    this.clear();
    if (!this.isQuiet) this.stream.write(`${this.line()}\n`);
  }

  private clear(): void {
    if (this.hasLine) this.stream.write('\r\x1b[K');
    this.hasLine = false;
  }

  private line(): string {
    const seconds = (performance.now() - this.startMs) / 1000;
    const rate = seconds > 0 ? (this.numCounted / seconds).toFixed(1) : '0';
    return `${this.numCounted} counted, ${this.numFailed} failed, ${seconds.toFixed(0)} s, ${rate} a second`;
  }
}
