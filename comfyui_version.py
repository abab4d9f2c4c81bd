"""Door: the upstream version whose interface this server offers. Packs and clients compare against it.

Not our own version (that is in pyproject.toml). 0.38.1 is the newest upstream version that the interface was
written down from: V3 nodes with dynamic inputs, jobs routes, the error bodies of 2026.
"""

__version__ = "0.38.1"

__all__ = ["__version__"]
