const { TestEnvironment } = require('jest-environment-node');

/**
 * Node's test environment with the outer realm's typed arrays: native ONNX Runtime checks `instanceof Float32Array`
 * against those, and jest's own realm has others.
 */
module.exports = class TypedArrayEnvironment extends TestEnvironment {
  constructor(...args) {
    super(...args);
    Object.assign(this.global, { Float32Array, Float64Array, Int32Array, Uint8Array, Uint16Array, BigInt64Array });
  }
};
