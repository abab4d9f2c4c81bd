// @stable-canvas/comfyui-client: by websocket, then by polling. Arguments: host:port, graph file.
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { Client } from "@stable-canvas/comfyui-client";
const host = process.argv[2];
const graph = JSON.parse(readFileSync(process.argv[3], "utf8"));
const client = new Client({ api_host: host, WebSocket, fetch });
client.connect();
const progress = [];
const result = await client.enqueue(graph, { progress: (step) => progress.push(step) });
const polled = await client.enqueue_polling(graph);
const stats = await client.getSystemStats();
console.log(JSON.stringify({ images: result.images, polled: polled.images, devices: stats.devices.length, progress }));
client.close();
process.exit(0);
