"""Door: packs import submodules of `comfy.ldm`. Rooms: `comfy.models`."""
