// A frame's payload to float32 numbers: the receiver's half of the pipelines (docs/wire.md).

const MAX_LEVEL = { int8: 127, int4: 7, "int8-adaptive": 127, "int4-adaptive": 7 };

/** Little-endian fp16 numbers as float64. */
export function readHalfs(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 2 }, (_, i) => halfToNumber(view.getUint16(2 * i, true)));
}

function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Signed integers of an int8 or packed int4 payload; low nibble first. */
function readLevels(bytes, count, isPacked) {
  if (!isPacked) return new Int8Array(bytes.buffer, bytes.byteOffset, count);
  const levels = new Int8Array(count);
  for (let i = 0; i < count; i += 1) {
    const nibble = i % 2 ? bytes[i >> 1] >> 4 : bytes[i >> 1] & 15;
    levels[i] = nibble > 7 ? nibble - 16 : nibble;
  }
  return levels;
}

function expectLength(bytes, wanted, pipeline) {
  if (bytes.byteLength !== wanted) {
    throw new Error(`${pipeline} frame of ${bytes.byteLength} bytes, expected ${wanted}`);
  }
}

/** Float32Array of a keyframe, C order. header: the stream's header map; data: the frame's payload. */
export function decodePayload(header, data) {
  const count = header.shape.reduce((product, size) => product * size, 1);
  const channels = header.shape[0];
  if (header.pipeline === "raw") {
    expectLength(data, count * 2, "raw");
    return Float32Array.from(readHalfs(data));
  }
  const maxLevel = MAX_LEVEL[header.pipeline];
  if (maxLevel === undefined) throw new Error(`this page does not decode pipeline ${header.pipeline}`);
  const isPacked = maxLevel === 7;
  const isAdaptive = header.pipeline.endsWith("-adaptive");
  const prefix = isAdaptive ? 2 * channels : 0;
  expectLength(data, prefix + (isPacked ? Math.ceil(count / 2) : count), header.pipeline);
  const scales = readHalfs(isAdaptive ? data.subarray(0, prefix) : header.scales);
  if (scales.length !== channels || scales.some((scale) => !(scale >= 0 && scale < Infinity))) {
    throw new Error("the stream's scales are not one finite number per channel");
  }
  const levels = readLevels(data.subarray(prefix), count, isPacked);
  const perChannel = count / channels;
  return Float32Array.from(levels, (level, i) => (level * scales[Math.floor(i / perChannel)]) / maxLevel);
}
