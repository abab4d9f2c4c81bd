// The demo model's decoder in the browser: latent (1,4,h,w) to pixels (1,3,8h,8w) in 0..1.

import * as ort from "onnxruntime-web/wasm";

const assets = new URL("codec/assets/", document.baseURI).href;

ort.env.wasm.numThreads = 1; // more threads need cross-origin isolation, which this server does not ask for
ort.env.wasm.wasmPaths = assets;

/** Loads the decoder once. */
export function loadDecoder() {
  return ort.InferenceSession.create(`${assets}demo-decoder.onnx`, { executionProviders: ["wasm"] });
}

/** ImageData of a latent. */
export async function decodeLatent(session, latent, [channels, height, width]) {
  const input = new ort.Tensor("float32", latent, [1, channels, height, width]);
  const { pixels } = await session.run({ latent: input });
  const [, , rows, columns] = pixels.dims;
  const plane = rows * columns;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < plane; i += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = Math.trunc(pixels.data[c * plane + i] * 255);
    image.data[4 * i + 3] = 255;
  }
  return image;
}
