import { createHash } from 'node:crypto';
import { sha256Hex } from '../../extension/src/inference/sha256.ts';

const BYTES = Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) % 251);
const EXPECTED = createHash('sha256').update(BYTES).digest('hex');

test('the hash is the same with the platform and, on pages without https, without it', async () => {
  expect(await sha256Hex(BYTES)).toBe(EXPECTED);
  const platform = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
  try {
    expect(await sha256Hex(BYTES)).toBe(EXPECTED);
  } finally {
    Object.defineProperty(globalThis, 'crypto', platform);
  }
});
