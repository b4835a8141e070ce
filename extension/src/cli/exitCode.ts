/** What a script may rely on; the help texts list them. */
export const exitCode = { allCounted: 0, someFailed: 1, usage: 2, fatal: 3, interrupted: 130, closedOutput: 141 } as const;
