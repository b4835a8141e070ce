/** Which tab of this browser keeps the unsaved work of a study: two that did would overwrite each other's. */
import { claimAmongTabs } from './tabClaim.ts';

export class StudyClaim {
  #isHeld = false;
  #leave: AbortController | null = null;

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /**
   * @param onTurn called when the tab that holds the study now lets go of it, and this one takes over
   * @returns whether this tab holds the study at once
   */
  async take(studyInstanceUID: string, onTurn: () => void): Promise<boolean> {
    this.release();
    const leave = new AbortController();
    this.#leave = leave;
    const { signal } = leave;
    const name = `chromosome-count:${studyInstanceUID}`;
    if (!navigator.locks) {
      const takeOver = () => {
        this.#isHeld = true;
        onTurn();
      };
      const isHeld = await claimAmongTabs(name, { signal, onTurn: takeOver });
      return !signal.aborted && (this.#isHeld = isHeld);
    }
    const left = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
    this.#isHeld = await new Promise<boolean>(resolve => {
      const hold = (lock: unknown) => {
        resolve(lock !== null);
        return lock ? left : undefined;
      };
      // Refused where storage is blocked: then nothing is kept by any tab, and the store says so.
      navigator.locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(true));
    });
    if (this.#isHeld) return true;
    const takeOver = () => {
      this.#isHeld = true;
      onTurn();
      return left;
    };
    // Rejected when this tab leaves the study before its turn.
    navigator.locks.request(name, { signal }, takeOver).catch(() => {});
    return false;
  }

  release(): void {
    this.#leave?.abort();
    this.#leave = null;
    this.#isHeld = false;
  }
}
