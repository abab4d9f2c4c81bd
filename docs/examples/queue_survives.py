"""A queue that survives `kill -9`: `python docs/examples/queue_survives.py` starts a server, kills it, starts it again.

Standard library only. The server gets a user folder of its own for the time of the show.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def start_server(folder: str) -> tuple[subprocess.Popen[str], str]:
    """A server whose queue is in `folder`, and its address."""
    flags = ["--cpu", "--port", "0", "--user-directory", folder, "--output-directory", folder]
    command = [sys.executable, "main.py", *flags]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        found = re.match(r"Open (http\S+) ", line)
        if found:
            return server, found.group(1)
    raise SystemExit("the server did not start")


def ask(url: str, body: object = None) -> Any:
    """One answer; with a body it is a POST."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
        return json.load(answer)


def picture(steps: int) -> dict[str, Any]:
    """A graph of the demo model; 10,000 steps take minutes."""
    text = {"clip": ["1", 1], "text": "a cat"}
    sampling = {"seed": 1, "steps": steps, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal"}
    links = {"model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0]}
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "codec-demo-sd1.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": text},
        "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 1}},
        "4": {"class_type": "KSampler", "inputs": {**sampling, **links, "denoise": 1.0}},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "cat"}},
    }


def tell(line: str) -> None:
    """What the show has to say."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """The show."""
    with tempfile.TemporaryDirectory() as folder:
        server, url = start_server(folder)
        prompts = {"long": picture(10_000), "second": picture(2), "third": picture(3)}
        ids = {
            name: ask(f"{url}/prompt", {"prompt": prompt})["prompt_id"] for name, prompt in prompts.items()
        }
        names = {prompt_id: name for name, prompt_id in ids.items()}
        while not ask(f"{url}/queue")["queue_running"]:
            time.sleep(0.1)
        queue = ask(f"{url}/queue")
        for kind in ("running", "pending"):
            tell(f"{kind}: {' '.join(names[item[1]] for item in queue[f'queue_{kind}'])}")
        server.kill()
        server.wait()
        tell("killed")

        server, url = start_server(folder)
        tell("started again")
        while len(ask(f"{url}/history")) < len(ids):
            time.sleep(0.1)
        for prompt_id, entry in ask(f"{url}/history").items():
            status = entry["status"]
            kind, data = status["messages"][-1]
            tell(f"{names[prompt_id]}: {status['status_str']}, {kind} {data.get('reason', '')}".rstrip())
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
