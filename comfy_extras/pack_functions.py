"""Loading of node packs under the names that packs know (door: `nodes`). The work is in `comfy_extras.loading`.

Pack managers call these to load a pack that they have just installed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import folder_paths
from comfy_extras import loading
from comfy_extras.catalogue import REGISTRY
from comfy_extras.pack_files import PackPath, module_name_of


def get_module_name(module_path: str) -> str:
    """A pack's name: of its folder, or of its file without the extension."""
    return module_name_of(module_path)


async def load_custom_node(
    module_path: str, ignore: Collection[str] = frozenset(), module_parent: str = "custom_nodes"
) -> bool:
    """Loads one pack into the registry; class names in `ignore` are left as they are. True when it worked."""
    report = await loading.load_pack(_pack(module_path), REGISTRY, keep=ignore, parent=module_parent)
    return report.is_loaded


async def init_external_custom_nodes() -> None:
    """Loads every pack below the custom node folders."""
    await loading.load_packs(folder_paths.get_folder_paths("custom_nodes"), REGISTRY)


async def init_builtin_extra_nodes() -> list[str]:
    """Registers the built-in nodes; gives the names of node files that could not be used."""
    return [report.name for report in await loading.load_builtin_nodes(REGISTRY) if not report.is_loaded]


async def init_extra_nodes(init_custom_nodes: bool = True, init_api_nodes: bool = True) -> None:
    """Registers the built-in nodes, then the packs if wanted. There are no nodes of paid services here."""
    await init_builtin_extra_nodes()
    if init_custom_nodes:
        await init_external_custom_nodes()


def _pack(module_path: str) -> PackPath:
    return PackPath(module_path, is_file=Path(module_path).is_file())
