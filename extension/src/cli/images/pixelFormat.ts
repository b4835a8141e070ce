/** The attributes of the Image Pixel module that say how stored values lie in a frame. */
export interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly photometricInterpretation: string;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly isSigned: boolean;
  /** 0 RGBRGB…, 1 RR…GG…BB… */
  readonly planarConfiguration: number;
}

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array;

/** One frame after decompression: interleaved samples, not yet converted to gray. */
export interface DecodedSamples {
  readonly width: number;
  readonly height: number;
  readonly samplesPerPixel: number;
  readonly values: StoredValues;
  /** What the samples are now: a decoder that turns YCbCr into RGB says RGB. */
  readonly photometricInterpretation: string;
}
