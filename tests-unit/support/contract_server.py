"""A whole server with one of everything that the recorded routes speak of, and requests against it."""

from __future__ import annotations

import http.client
import io
import json
import struct
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import websocket
from PIL import Image

PACK_FILES = {
    "__init__.py": "NODE_CLASS_MAPPINGS = {}\nWEB_DIRECTORY = 'web'\n",
    "web/hello.js": "// a script of a pack\n",
    "example_workflows/start.json": "{}",
    "locales/de/main.json": '{"g": {"run": "Los"}}',
    "locales/de/commands.json": '{"Run": {"label": "Los"}}',
    "locales/de/settings.json": '{"Size": {"name": "Gr\u00f6\u00dfe"}}',
    "locales/de/nodeDefs.json": '{"EmptyImage": {"display_name": "Leeres Bild"}}',
    "subgraphs/twice.json": '{"nodes": []}',
}
WORKFLOW = {
    "id": "6f1c3f0e-0000-4000-8000-000000000000", "revision": 0, "last_node_id": 1, "last_link_id": 0,
    "nodes": [{"id": 1, "type": "EmptyImage", "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0,
               "inputs": [], "outputs": [], "properties": {}, "widgets_values": [8, 8, 1, 0]}],
    "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4,
}  # fmt: skip
WAIT_S = 60


def graph(save: str = "SaveImage", color: int = 0) -> dict[str, Any]:
    """A prompt of one small picture."""
    last = {"images": ["1", 0], **({"filename_prefix": "contract/p"} if save == "SaveImage" else {})}
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": color},
            "_meta": {"title": "colour"},
        },
        "2": {"class_type": save, "inputs": last},
    }


def png(mode: str = "RGBA") -> bytes:
    """A small picture file."""
    out = io.BytesIO()
    Image.new(mode, (8, 8), (200, 10, 10, 128)[: len(mode)]).save(out, format="PNG")
    return out.getvalue()


def write_pack(folder: Path) -> Path:
    """A node pack with web files, example, translation and blueprint."""
    for name, text in PACK_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def write_model(path: Path) -> None:
    """A model file with metadata and nothing else, and its preview."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"__metadata__": {"made": "for tests"}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    path.with_name(path.stem + ".preview.png").write_bytes(png("RGB"))


@dataclass
class ContractServer:
    """Requests to a prepared server. `values` fill the placeholders of recorded paths."""

    url: str
    base: Path
    values: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request; relative to the server's root."""
        return requests.request(method, self.url + path, timeout=WAIT_S, **options)

    def run(self, prompt: dict[str, Any], **body: Any) -> str:
        """Runs a prompt to its end; the prompt's id."""
        client = uuid.uuid4().hex
        socket = websocket.create_connection(
            self.url.replace("http", "ws", 1) + f"/ws?clientId={client}", timeout=WAIT_S
        )
        try:
            answer = self.call("POST", "/prompt", json={"prompt": prompt, "client_id": client, **body}).json()
            while True:
                text = socket.recv()
                message = json.loads(text) if isinstance(text, str) else {}
                if message.get("type") == "executing" and message["data"]["node"] is None:
                    return str(answer["prompt_id"])
        finally:
            socket.close()

    def announce(self, path: str, size_bytes: int) -> int:
        """Announces a body and sends none of it; the status of the answer."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=WAIT_S)
        try:
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", str(size_bytes))
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()

    def prepare(self) -> None:
        """One finished job, pictures in all folders, a workflow, a setting."""
        workflow = {"extra_pnginfo": {"workflow": WORKFLOW}}
        self.values["prompt_id"] = self.run(graph(), extra_data=workflow)
        self.run(graph("PreviewImage"), extra_data=workflow)
        files = {"image": ("in.png", png(), "image/png")}
        self.call("POST", "/upload/image", files=files).raise_for_status()
        for name in (
            "workflows/flow.json",
            "workflows/old name.json",
            "workflows/gone.json",
            "parts/a/b.json",
        ):
            path = "/userdata/" + name.replace("/", "%2F").replace(" ", "%20")
            self.call("POST", path, json=WORKFLOW).raise_for_status()
        self.call("POST", "/settings/Comfy.Sidebar", json="small").raise_for_status()
        temp = sorted((self.base / "temp").glob("*.png"))[0]
        saved = sorted((self.base / "output/contract").glob("*.png"))[0]
        self.values |= {"temp": temp.name, "saved": saved.name}
