import { randomUUID } from 'node:crypto';
import { storeOutcome, type StoreOutcome } from '../../report/index.ts';

/** A DICOMweb archive that takes reports. */
export interface StoreTarget {
  /** Root of the STOW-RS service, without `/studies`, without credentials. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * STOW-RS of one DICOM file.
 * @throws the signal's reason when it is aborted; whatever the archive says is an outcome
 */
export async function storeReport(file: Uint8Array, sopInstanceUid: string, { url, headers, timeoutMs, signal }: StoreTarget): Promise<StoreOutcome> {
  const boundary = randomUUID();
  const body = Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`), file, Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(`${url}/studies`, {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`, accept: 'application/dicom+json' },
      signal: AbortSignal.any([signal, limit]),
    });
    return storeOutcome({
      status: response.status, statusText: response.statusText, contentType: response.headers.get('content-type'), body: await response.text(),
    }, [sopInstanceUid]);
  } catch {
    signal.throwIfAborted();
    return storeOutcome({ status: 0, timedOut: limit.aborted }, [sopInstanceUid]);
  }
}
