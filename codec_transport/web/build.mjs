// Builds the page: one script, the page itself, the runtime's WebAssembly and the licences, into dist/ (or argv[2]).
// The exported decoder (demo-decoder.onnx) is made by `python -m codec_transport.web.export_decoder`.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");
const packages = join(here, "node_modules");

await mkdir(out, { recursive: true });
await build({
  entryPoints: [join(here, "src", "main.js")],
  outfile: join(out, "main.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  external: ["node:*", "fs", "path", "module", "worker_threads"],
});
for (const name of ["index.html", "style.css"]) {
  await copyFile(join(here, "src", name), join(out, name));
}
for (const name of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
  await copyFile(join(packages, "onnxruntime-web", "dist", name), join(out, name));
}
const notices = [
  ["@msgpack/msgpack (ISC)", join(here, "licences", "msgpack.txt")],
  ["onnxruntime-web (MIT)", join(here, "licences", "onnxruntime-web.txt")],
];
const parts = [];
for (const [title, path] of notices) {
  parts.push(`${title}\n${"=".repeat(title.length)}\n\n${(await readFile(path, "utf8")).trim()}\n`);
}
await writeFile(join(out, "LICENCES.txt"), parts.join("\n\n"));
