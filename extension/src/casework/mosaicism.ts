/**
 * Mosaicism excluded by n independent cells (Hook 1977, Am J Hum Genet 29:94): the smallest fraction p of abnormal
 * cells for which seeing fewer than `needed` of them among n would be a chance of at most 1 − confidence.
 */

const NUM_HALVINGS = 60;

/** Probability of fewer than `needed` successes in `n` trials of probability `p`. */
function probabilityOfFewer(needed: number, n: number, p: number): number {
  let term = (1 - p) ** n;
  let sum = term;
  for (let k = 1; k < needed; k++) {
    term *= ((n - k + 1) / k) * (p / (1 - p));
    sum += term;
  }
  return sum;
}

/**
 * The excluded fraction, 0 to 1; 1 − (1 − confidence)^(1/n) when one abnormal cell suffices to call it. Null when
 * n < needed, for then nothing is excluded.
 * @param n independent cells, whole
 * @param needed abnormal cells needed to call mosaicism, 1 or more
 * @param confidence 0 to 1 exclusive, default 0.95
 */
export function excludedMosaicism(n: number, needed: number, confidence = 0.95): number | null {
  if (n < needed) {
    return null;
  }
  if (needed === 1) {
    return 1 - (1 - confidence) ** (1 / n);
  }
  let [low, high] = [0, 1];
  for (let i = 0; i < NUM_HALVINGS; i++) {
    const p = (low + high) / 2;
    if (probabilityOfFewer(needed, n, p) > 1 - confidence) {
      low = p;
    } else {
      high = p;
    }
  }
  return high;
}
