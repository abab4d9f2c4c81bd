// Puts a graph that runs at once on the canvas when the page would show its own default one.
//
// The page's default needs models that are not there; ours needs the demo checkpoint that comes with the
// server. Marking the tutorial as seen keeps the template browser from covering the graph on a first visit.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const DEMO_CHECKPOINT = "codec-demo-sd1.safetensors";
const TUTORIAL_SEEN = "Comfy.TutorialCompleted";

async function readJson(response) {
  return response.ok ? await response.json() : null;
}

async function hasDemoCheckpoint() {
  const names = await readJson(await api.fetchApi("/models/checkpoints"));
  return Array.isArray(names) && names.includes(DEMO_CHECKPOINT);
}

async function readStartGraph() {
  return readJson(await fetch(new URL("start_graph.json", import.meta.url)));
}

// The page asks for its default graph by calling loadGraphData without one. Only the first load of a visit is
// looked at: it is either that, or something to restore, which is left alone.
function replaceDefaultGraph(startGraph) {
  const original = app.loadGraphData;
  app.loadGraphData = function (graph, ...rest) {
    app.loadGraphData = original;
    return original.call(app, graph ?? startGraph, ...rest);
  };
}

app.registerExtension({
  name: "codec.FirstVisit",

  async init() {
    try {
      if (!(await hasDemoCheckpoint())) return;
      const startGraph = await readStartGraph();
      if (!startGraph) return;
      replaceDefaultGraph(startGraph);
      const settings = app.extensionManager.setting;
      if (!settings.get(TUTORIAL_SEEN)) await settings.set(TUTORIAL_SEEN, true);
    } catch (error) {
      console.warn("codec: the start graph is not shown", error);
    }
  },
});
