// Streams in the page: their sockets and links have a colour, and nodes that pass frames on show how many.
//
// The numbers come from progress_state, where a stream node's value is the frames it has done.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const COLOURS = { IMAGE_STREAM: "#3fc5d8", LATENT_STREAM: "#d88ce8" };
const SMOOTHING = 0.3; // weight of the newest frame rate; chunks come in bursts
const LABEL_HEIGHT = 16;

const progressOf = new Map(); // node id as text -> {done, total, rate, at}

function typesOf(nodeData) {
  const inputs = Object.values({ ...nodeData.input?.required, ...nodeData.input?.optional });
  return [...inputs.map((spec) => spec[0]), ...(nodeData.output ?? [])].flatMap((type) => String(type).split(","));
}

function remember(id, { value, max }) {
  const now = performance.now();
  const before = progressOf.get(id);
  if (!before || value < before.done) {
    progressOf.set(id, { done: value, total: max, rate: 0, at: now });
    return;
  }
  if (value > before.done && now > before.at) {
    const rate = ((value - before.done) * 1000) / (now - before.at);
    before.rate = before.rate ? before.rate + SMOOTHING * (rate - before.rate) : rate;
    before.at = now;
  }
  Object.assign(before, { done: value, total: max });
}

export function label({ done, total, rate }) {
  const frames = total > done ? `${done} / ${total} frames` : `${done} frames`;
  return rate ? `${frames} · ${rate.toFixed(rate < 10 ? 1 : 0)} fps` : frames;
}

function drawLabel(node, context) {
  const progress = progressOf.get(String(node.id));
  if (!progress || node.flags?.collapsed) return;
  context.save();
  context.font = "12px sans-serif";
  context.fillStyle = COLOURS.IMAGE_STREAM;
  context.fillText(label(progress), 4, node.size[1] + LABEL_HEIGHT);
  context.restore();
}

// The page's palette knows only its own types and clears the others, also after setup.
function colourSockets() {
  for (const [type, colour] of Object.entries(COLOURS)) {
    app.canvas.default_connection_color_byType[type] = colour;
    app.canvas.constructor.link_type_colors[type] = colour;
  }
}

app.registerExtension({
  name: "codec.Streams",

  setup() {
    colourSockets();
    api.addEventListener("execution_start", () => progressOf.clear());
    api.addEventListener("progress_state", ({ detail }) => {
      for (const [id, state] of Object.entries(detail.nodes)) {
        if (app.graph.getNodeById(id)?.codecShowsFrames && state.max > 1) {
          remember(id, state);
          app.graph.getNodeById(id).codecFrames = label(progressOf.get(id));
        }
      }
      app.graph.setDirtyCanvas(true, false);
    });
  },

  afterConfigureGraph: colourSockets,

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!typesOf(nodeData).some((type) => type in COLOURS)) return;
    nodeType.prototype.codecShowsFrames = true;
    const original = nodeType.prototype.onDrawForeground;
    nodeType.prototype.onDrawForeground = function (context, ...rest) {
      drawLabel(this, context);
      return original?.call(this, context, ...rest);
    };
  },
});
