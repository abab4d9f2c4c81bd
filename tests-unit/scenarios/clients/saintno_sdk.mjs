// @saintno/comfyui-sdk: a graph with an input set, run through its call wrapper. Arguments: URL, graph file.
import { readFileSync } from "node:fs";
import { CallWrapper, ComfyApi, PromptBuilder } from "@saintno/comfyui-sdk";
const [, , url, file] = process.argv;
const graph = JSON.parse(readFileSync(file, "utf8"));
const api = new ComfyApi(url).init();
await api.waitForReady();
const builder = new PromptBuilder(graph, ["width"], ["images"]).setInputNode("width", "1.inputs.width").setOutputNode("images", "2").input("width", 40);
const seen = [];
const output = await new CallWrapper(api, builder)
  .onPending(() => seen.push("pending"))
  .onStart(() => seen.push("start"))
  .onFinished(() => seen.push("finished"))
  .onFailed((error) => seen.push("failed: " + error.message))
  .run();
console.log(JSON.stringify({ seen, images: output && output.images.images }));
process.exit(0);
