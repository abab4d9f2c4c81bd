"""comfy_api_simplified: sets a parameter by title, waits, fetches pictures, asks around. Arguments: URL, graph."""

import json
import sys
from pathlib import Path

from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

api, workflow = ComfyApiWrapper(sys.argv[1]), ComfyWorkflowWrapper(sys.argv[2])
workflow.set_node_param("Colour", "width", 24)
pictures = api.queue_and_wait_images(workflow, "Save")
picture = Path(sys.argv[2]).with_name("uploaded.png")
picture.write_bytes(next(iter(pictures.values())))
uploaded = api.upload_image(picture, "from client")
result = {
    "pictures": {name: len(data) for name, data in pictures.items()},
    "uploaded": uploaded,
    "queue": api.get_queue(),
    "info": list(api.get_object_info("SaveImage")),
    "devices": len(api.get_system_stats()["devices"]),
}
sys.stdout.write("RESULT " + json.dumps(result) + "\n")
