// Asking for one latent and reading its stream: header map, then one frame map, msgpack.

import { decodeMultiStream } from "@msgpack/msgpack";
import { decodePayload } from "./payload.js";

const MODEL = "codec-demo";
const MAX_BYTES = 4 * 1024 * 1024; // a latent of 2048 x 2048 pixels in fp16 is 0.5 MB

/** The server's own words for a refusal. */
async function refusal(response) {
  try {
    const body = await response.json();
    return body.error?.message ?? body.detail ?? `the server answered ${response.status}`;
  } catch {
    return `the server answered ${response.status}`;
  }
}

/** Counts what passes and notes when the first byte came. */
function measured(body, sizes) {
  return body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        sizes.firstByte ??= performance.now();
        sizes.bytes += chunk.byteLength;
        if (sizes.bytes > MAX_BYTES) throw new Error(`the stream is longer than ${MAX_BYTES} bytes`);
        controller.enqueue(chunk);
      },
    }),
  );
}

/** {latent, shape, bytes, firstByteMs, latentMs, seed} of one generation. Throws Error with a text for people. */
export async function fetchLatent({ prompt, size, pipeline, steps, seed }, signal) {
  const started = performance.now();
  const fields = { model: MODEL, modality: "image-latents", prompt, size, pipeline, steps };
  if (seed !== null) fields.seed = seed;
  const response = await fetch("v1/images/generations", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/x-codec-msgpack" },
    body: JSON.stringify(fields),
    signal,
  });
  if (!response.ok) throw new Error(await refusal(response));
  const sizes = { bytes: 0, firstByte: null };
  let header = null;
  let latent = null;
  for await (const message of decodeMultiStream(measured(response.body, sizes))) {
    if (header === null) {
      header = message;
    } else if (message.finish_reason !== undefined && message.finish_reason !== "ok") {
      throw new Error(`the generation ended with "${message.finish_reason}"`);
    } else {
      latent = decodePayload(header, message.data);
    }
  }
  if (latent === null) throw new Error("the stream ended before its frame");
  return {
    latent,
    shape: header.shape,
    bytes: sizes.bytes,
    firstByteMs: sizes.firstByte - started,
    latentMs: performance.now() - started,
    seed: response.headers.get("X-Codec-Seed"),
  };
}
