// The page: a form, a picture, and what it cost to send it.

import { decodeLatent, loadDecoder } from "./decoder.js";
import { fetchLatent } from "./stream.js";

const find = (id) => document.getElementById(id);
const state = find("state");
const canvas = find("picture");

function tell(text, isError = false) {
  state.textContent = text;
  state.classList.toggle("error", isError);
}

/** Bytes of the canvas in an image format. */
function encodedSize(type, quality) {
  return new Promise((resolve) => {
    canvas.toBlob((blob) => resolve(blob.size), type, quality);
  });
}

function showBytes(name, bytes, pixelBytes) {
  find(`bytes-${name}`).textContent = bytes.toLocaleString("en");
  find(`ratio-${name}`).textContent = `1/${(pixelBytes / bytes).toFixed(1)}`;
}

async function draw(session) {
  tell("Sampling on the server …");
  const result = await fetchLatent({
    prompt: find("prompt").value,
    size: find("size").value,
    pipeline: find("pipeline").value,
    steps: find("steps").valueAsNumber || 20,
    seed: Number.isNaN(find("seed").valueAsNumber) ? null : find("seed").valueAsNumber,
  });
  tell("Decoding here …");
  const started = performance.now();
  const image = await decodeLatent(session, result.latent, result.shape);
  const decodeMs = performance.now() - started;
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  const pixelBytes = image.width * image.height * 3;
  showBytes("latent", result.bytes, pixelBytes);
  showBytes("jpeg", await encodedSize("image/jpeg", 0.85), pixelBytes);
  showBytes("png", await encodedSize("image/png"), pixelBytes);
  find("bytes-pixels").textContent = pixelBytes.toLocaleString("en");
  find("time-first").textContent = `${result.firstByteMs.toFixed(0)} ms`;
  find("time-latent").textContent = `${result.latentMs.toFixed(0)} ms`;
  find("time-decode").textContent = `${decodeMs.toFixed(0)} ms`;
  find("seed-used").textContent = result.seed ?? "–";
  tell("Done.");
}

const decoder = loadDecoder();
decoder.then(
  () => tell("Ready."),
  (error) => tell(`The decoder cannot be loaded: ${error.message}`, true),
);

find("request").addEventListener("submit", async (event) => {
  event.preventDefault();
  find("draw").disabled = true;
  try {
    await draw(await decoder);
  } catch (error) {
    tell(error.message, true);
  } finally {
    find("draw").disabled = false;
  }
});
