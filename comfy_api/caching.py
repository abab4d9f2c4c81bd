"""Cache providers for packs: `from comfy_api.latest import Caching`, or `ComfyAPI().caching`.

A provider keeps results outside of the process: subclass `CacheProvider`, register an object of it in `on_load`.
Home of the contract: `comfy_execution.caching.providers`.
"""

from __future__ import annotations

from comfy_execution.caching.providers import PROVIDERS
from comfy_execution.caching.providers import CacheContext as CacheContext
from comfy_execution.caching.providers import CacheProvider as CacheProvider
from comfy_execution.caching.providers import CacheValue as CacheValue


def register_provider(provider: CacheProvider) -> None:
    """Lets a provider be asked from the next prompt on. Raises: TypeError for what is no `CacheProvider`."""
    PROVIDERS.register(provider)


def unregister_provider(provider: CacheProvider) -> None:
    """Leaves a provider alone from the next prompt on."""
    PROVIDERS.unregister(provider)


class Registration:
    """`ComfyAPI().caching`, awaitable form."""

    async def register_provider(self, provider: CacheProvider) -> None:
        """As `register_provider`."""
        PROVIDERS.register(provider)

    async def unregister_provider(self, provider: CacheProvider) -> None:
        """As `unregister_provider`."""
        PROVIDERS.unregister(provider)


class RegistrationSync:
    """`ComfyAPISync().caching`, blocking form."""

    def register_provider(self, provider: CacheProvider) -> None:
        """As `register_provider`."""
        PROVIDERS.register(provider)

    def unregister_provider(self, provider: CacheProvider) -> None:
        """As `unregister_provider`."""
        PROVIDERS.unregister(provider)
