/** SHA-256 of bytes as lower-case hexadecimal; the platform's where the page is a secure context, else in TypeScript. */
import { sha256 as sha256InScript } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';

export async function sha256Hex(data: Uint8Array): Promise<string> {
  // Hospital intranets serve viewers over plain http, where crypto.subtle does not exist.
  const subtle = globalThis.crypto?.subtle;
  return bytesToHex(subtle ? new Uint8Array(await subtle.digest('SHA-256', data)) : sha256InScript(data));
}
