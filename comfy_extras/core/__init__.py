"""The core nodes: those that report the module `nodes` to clients and that `nodes.py` offers by class name.

Plain V1 classes. Nodes adapt: values in, one call of a pure function or of `comfy`, values out. Their method
names and parameter order are contract, packs call them directly. `CORE_MODULES` is the order in which they
are registered.
"""

CORE_MODULES: tuple[str, ...] = (
    "comfy_extras.core.sampling",
    "comfy_extras.core.loaders",
    "comfy_extras.core.conditioning",
    "comfy_extras.core.conditioning_areas",
    "comfy_extras.core.vae",
    "comfy_extras.core.inpainting",
    "comfy_extras.core.latents",
    "comfy_extras.core.latent_transforms",
    "comfy_extras.core.latent_files",
    "comfy_extras.core.image",
    "comfy_extras.core.image_io",
)
