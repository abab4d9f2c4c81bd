"""The node registry: class_type -> class, and the spec an adapter reads from it.

The registry owns the dicts that the world knows as `nodes.NODE_CLASS_MAPPINGS` and
`nodes.NODE_DISPLAY_NAME_MAPPINGS`. Packs add to and replace entries of them in place, so lookups always go
through the live dict and nothing here keeps a spec beyond one `snapshot()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from comfy_execution.node_spec import NodeSpec

Describe = Callable[[str, type], NodeSpec]


class Registry:
    """All node classes of the process. Reading is safe from any thread; writing happens while packs load."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self.classes: dict[str, Any] = {}
        self.display_names: dict[str, str] = {}

    def __contains__(self, class_type: object) -> bool:
        return class_type in self.classes

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes)

    def spec(self, class_type: str) -> NodeSpec:
        """The spec of one class, read now.

        Raises: KeyError for an unknown class; whatever the class's own INPUT_TYPES or define_schema raises.
        """
        return self._describe(class_type, self.classes[class_type])

    def snapshot(self) -> SpecSnapshot:
        """Specs that stay the same for one prompt, each read when first asked for."""
        return SpecSnapshot(self)


class SpecSnapshot:
    """A per-prompt view: one class is described once, however many nodes use it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._specs: dict[str, NodeSpec] = {}

    def __contains__(self, class_type: object) -> bool:
        return class_type in self._registry

    def node_class(self, class_type: str) -> Any:
        """The class itself, also when it cannot describe itself."""
        return self._registry.classes[class_type]

    def spec(self, class_type: str) -> NodeSpec:
        """As `Registry.spec`, remembered for the lifetime of this view."""
        found = self._specs.get(class_type)
        if found is None:
            found = self._specs[class_type] = self._registry.spec(class_type)
        return found


_installed: list[Registry] = []


def install(registry: Registry) -> None:
    """Makes a registry the process's own: what `execution`'s functions use when none is handed to them."""
    _installed[:] = [registry]


def installed() -> Registry:
    """The process's registry.

    Raises: LookupError before `install`.
    """
    if not _installed:
        raise LookupError("no node registry is installed: call comfy_execution.registry.install first")
    return _installed[0]
