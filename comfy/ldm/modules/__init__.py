"""Door: packs import submodules of `comfy.ldm.modules`. Rooms: `comfy.models.layers`."""
