"""comfy-script: its runtime reads /object_info, queues a graph and fetches the picture. Argument: URL."""

import sys

from comfy_script.runtime import Workflow, load, util

load(sys.argv[1])
from comfy_script.runtime import nodes  # noqa: E402 - exists after load()

with Workflow(wait=True):
    pictures = util.get_images(nodes.EmptyImage(width=16, height=8, color=255), save=True)
sys.stdout.write(f"\nRESULT {[list(picture.size) for picture in pictures]}\n")
