"""What LoRA-like files store for one weight, by the endings of their keys.

Each reader takes the file and a base name and gives a patch value with the keys it used, or None when the file holds
nothing of its kind there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter
from comfy.patching.adapters.glora import GloraAdapter
from comfy.patching.adapters.loha import LohaAdapter
from comfy.patching.adapters.lokr import LokrAdapter
from comfy.patching.adapters.lora import LoraAdapter
from comfy.patching.adapters.oft import BoftAdapter, OftAdapter

LoraFile = Mapping[str, Tensor]


class Found(NamedTuple):
    """A patch value, the file's keys it was made of, and the ending of the weight it is for (".weight")."""

    value: Any
    used: frozenset[str]
    ending: str = ".weight"


# (up, down, mid) endings of low-rank pairs, by writer.
LOW_RANK_ENDINGS: tuple[tuple[str, str, str | None], ...] = (
    (".lora_up.weight", ".lora_down.weight", ".lora_mid.weight"),  # kohya, LyCORIS
    ("_lora.up.weight", "_lora.down.weight", None),  # diffusers, attention processors of old
    (".lora_B.weight", ".lora_A.weight", None),  # peft
    (".lora.up.weight", ".lora.down.weight", None),  # diffusers, later
    (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight", None),  # diffusers, trainer scripts
    (".lora_B", ".lora_A", None),  # Mochi
    (".lora_B.default.weight", ".lora_A.default.weight", None),  # peft with an adapter's name
)

# Adapter -> factor names with the endings of their keys. All required ones must be there.
_LOHA = {"w1_a": ".hada_w1_a", "w1_b": ".hada_w1_b", "w2_a": ".hada_w2_a", "w2_b": ".hada_w2_b"}
_LOHA_CORES = {"t1": ".hada_t1", "t2": ".hada_t2"}
_GLORA = {"a1": ".a1.weight", "a2": ".a2.weight", "b1": ".b1.weight", "b2": ".b2.weight"}
_LOKR = {name: f".lokr_{name}" for name in ("w1", "w2", "w1_a", "w1_b", "w2_a", "w2_b", "t2")}
_OFT = {"blocks": ".oft_blocks"}
_RESCALE = {"rescale": ".rescale"}

# Endings of tensors that are added or put in place as they are: (ending, kind of patch, ending of the weight).
PLAIN_ENDINGS: tuple[tuple[str, str, str], ...] = (
    (".w_norm", "diff", ".weight"),
    (".b_norm", "diff", ".bias"),
    (".diff", "diff", ".weight"),
    (".diff_b", "diff", ".bias"),
    (".set_weight", "set", ".weight"),
)


def read_adapter(file: LoraFile, base: str) -> Found | None:
    """The factored change stored under a base name, None without one."""
    for read in (_read_low_rank, _read_loha, _read_lokr, _read_glora, _read_oft):
        found = read(file, base)
        if found is not None:
            return found
    return None


def read_plain(file: LoraFile, base: str) -> list[Found]:
    """Whole tensors stored under a base name."""
    return [
        Found((kind, (file[base + ending],)), frozenset({base + ending}), target)
        for ending, kind, target in PLAIN_ENDINGS
        if base + ending in file
    ]


def _read_low_rank(file: LoraFile, base: str) -> Found | None:
    for up, down, mid in LOW_RANK_ENDINGS:
        if base + up in file and base + down in file:
            required = {"up": up, "down": down}
            return _adapter(file, base, LoraAdapter, required, {"mid": mid} if mid else {})
    return None


def _read_loha(file: LoraFile, base: str) -> Found | None:
    return _adapter(file, base, LohaAdapter, _LOHA, _LOHA_CORES)


def _read_lokr(file: LoraFile, base: str) -> Found | None:
    present = {name for name, ending in _LOKR.items() if base + ending in file}
    whole = [number in present or {f"{number}_a", f"{number}_b"} <= present for number in ("w1", "w2")]
    return _adapter(file, base, LokrAdapter, {}, _LOKR) if all(whole) else None


def _read_glora(file: LoraFile, base: str) -> Found | None:
    return _adapter(file, base, GloraAdapter, _GLORA, {})


def _read_oft(file: LoraFile, base: str) -> Found | None:
    blocks = file.get(base + _OFT["blocks"])
    if blocks is None or blocks.dim() not in (3, 4):
        return None
    return _adapter(file, base, OftAdapter if blocks.dim() == 3 else BoftAdapter, _OFT, _RESCALE)


def _adapter(
    file: LoraFile,
    base: str,
    kind: Callable[[dict[str, Tensor], float | None, Tensor | None], WeightAdapter],
    required: Mapping[str, str],
    optional: Mapping[str, str],
) -> Found | None:
    """An adapter from its factors with alpha and DoRA scale, None when a required factor is missing."""
    if not all(base + ending in file for ending in required.values()):
        return None
    keys = {name: base + ending for name, ending in required.items()}
    keys |= {name: base + ending for name, ending in optional.items() if base + ending in file}
    used = set(keys.values())
    alpha, scale = file.get(f"{base}.alpha"), file.get(f"{base}.dora_scale")
    used |= {f"{base}{ending}" for ending in (".alpha", ".dora_scale") if base + ending in file}
    tensors = {name: file[key] for name, key in keys.items()}
    return Found(kind(tensors, None if alpha is None else float(alpha), scale), frozenset(used))
