// What is used of packages that ship no types.
interface CornerstoneWasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned?: boolean };
  getInterleaveMode?(): number;
  decode(): void;
  delete(): void;
}

declare module '@cornerstonejs/codec-charls/decodewasmjs' {
  export default function start(module: { print(text: string): void; printErr(text: string): void }): Promise<{ JpegLSDecoder: new () => CornerstoneWasmDecoder }>;
}
declare module '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs' {
  export default function start(module: { print(text: string): void; printErr(text: string): void }): Promise<{ JPEGDecoder: new () => CornerstoneWasmDecoder }>;
}
declare module '@cornerstonejs/codec-openjpeg/decodewasmjs' {
  export default function start(module: { print(text: string): void; printErr(text: string): void }): Promise<{ J2KDecoder: new () => CornerstoneWasmDecoder }>;
}
declare module '@cornerstonejs/codec-openjph' {
  export default function start(module?: { print(text: string): void; printErr(text: string): void }): Promise<{ HTJ2KDecoder: new () => CornerstoneWasmDecoder }>;
}
// The builds that encode as well: the tests alone use them.
declare module '@cornerstonejs/codec-charls' {
  export default function start(): Promise<unknown>;
}
declare module '@cornerstonejs/codec-libjpeg-turbo-8bit' {
  export default function start(): Promise<unknown>;
}
declare module '@cornerstonejs/codec-openjpeg' {
  export default function start(): Promise<unknown>;
}
declare module 'jpeg-lossless-decoder-js' {
  export class Decoder {
    decode(buffer: ArrayBuffer, offset: number, length: number): Uint8Array | Uint16Array;
  }
}
declare module 'dcmjs' {
  const dcmjs: any;
  export default dcmjs;
}
