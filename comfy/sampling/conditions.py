"""Preparing conditionings: from node lists to entries whose areas, masks and time ranges are settled.

Nodes hand over lists of [context tensor, options dict]. `convert_cond` makes entries of them; `process_conds` settles
everything that depends on the latent's shape and on the model. `evaluation` then asks the network.
Sizes in `area` are latent cells: (h, w, y, x), for video (t, h, w, t0, y, x); or ("percentage", shares...).
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from comfy.errors import ConditionError
from comfy.images.masks import mask_bounds
from comfy.sampling.model import Condition, Conditionings

# Masked regions smaller than this many latent cells per side are evaluated with this much around them.
MIN_MASK_CELLS = 8

# Latent cells are this many pixels wide in the families whose networks ask for the picture's size.
PIXELS_PER_CELL = 8


def convert_cond(cond: Sequence[Sequence[Any]]) -> list[Condition]:
    """Entries of a node's conditioning list; the options are copied, tensors are shared.

    Raises: ConditionError where an item is no pair of context and options.
    """
    entries: list[Condition] = []
    for i, item in enumerate(cond):
        if len(item) < 2 or not isinstance(item[1], dict):
            msg = f"conditioning item {i} is {type(item).__name__} of {len(item)}, not [context, options]"
            raise ConditionError(msg)
        entry = dict(item[1])
        model_conds = entry.get("model_conds", {})
        if item[0] is not None:
            entry["cross_attn"] = item[0]
        entry["model_conds"] = model_conds
        entry["uuid"] = uuid.uuid4()
        entries.append(entry)
    return entries


def _area_from_shares(area: Sequence[Any], dims: Sequence[int]) -> tuple[int, ...]:
    shares = area[1:]
    half = len(shares) // 2
    sizes = tuple(max(1, round(shares[i] * dims[i])) for i in range(half))
    return sizes + tuple(round(shares[half + i] * dims[i]) for i in range(half))


def _area_from_mask(mask: Tensor) -> tuple[int, ...]:
    boxes, is_empty = mask_bounds(mask.abs().max(dim=0).values.unsqueeze(0))
    if bool(is_empty[0]):
        return (MIN_MASK_CELLS, MIN_MASK_CELLS, 0, 0)
    left, top, right, bottom = (int(edge) for edge in boxes[0])
    height = max(MIN_MASK_CELLS, bottom - top + 1)
    width = max(MIN_MASK_CELLS, right - left + 1)
    return (height, width, top, left)


def resolve_areas_and_cond_masks_multidim(
    conditions: list[Condition], dims: Sequence[int], device: torch.device | str
) -> None:
    """Turns shares into cells and brings masks to the latent's size, in place of the list's entries.

    `dims` are the latent's sizes after batch and channels.
    """
    for i, entry in enumerate(conditions):
        if "area" in entry and entry["area"][:1] == ("percentage",):
            entry = {**entry, "area": _area_from_shares(entry["area"], dims)}
            conditions[i] = entry
        if "mask" not in entry:
            continue
        mask = entry["mask"].to(device=device)
        entry = dict(entry)
        if mask.ndim == len(dims):
            mask = mask.unsqueeze(0)
        if tuple(mask.shape[1:]) != tuple(dims):
            # Masks are pictures (N,H,W); only the last two sizes of a video latent can be matched.
            mask = torch.nn.functional.interpolate(
                mask.unsqueeze(1), size=tuple(dims[-2:]), mode="bilinear", align_corners=False
            ).squeeze(1)
        if entry.get("set_area_to_bounds", False):
            entry["area"] = _area_from_mask(mask)
        entry["mask"] = mask
        conditions[i] = entry


def resolve_areas_and_cond_masks(
    conditions: list[Condition], h: int, w: int, device: torch.device | str
) -> None:
    """`resolve_areas_and_cond_masks_multidim` for pictures."""
    resolve_areas_and_cond_masks_multidim(conditions, [h, w], device)


def _area_contains(outer: Sequence[int], inner: Sequence[int]) -> bool:
    half = len(inner) // 2
    return len(outer) == len(inner) and all(
        outer[half + i] <= inner[half + i] and outer[half + i] + outer[i] >= inner[half + i] + inner[i]
        for i in range(half)
    )


def _area_size(area: Sequence[int]) -> int:
    return math.prod(area[: len(area) // 2])


def create_cond_with_same_area_if_none(conds: list[Condition], c: Condition) -> None:
    """Gives the other side an entry for the area of `c`, so that both sides are evaluated on the same cut-out.

    The new entry has the model inputs of the smallest entry of `conds` that covers the area.
    """
    if "area" not in c:
        return
    area = c["area"]
    best: Condition | None = None
    for entry in conds:
        if "area" not in entry:
            best = best or entry
            continue
        if not _area_contains(entry["area"], area):
            continue
        if best is None or "area" not in best or _area_size(best["area"]) > _area_size(entry["area"]):
            best = entry
    if best is None or best.get("area") == area:
        return
    conds.append({**c, "model_conds": dict(best["model_conds"])})


def calculate_start_end_timesteps(model: Any, conds: list[Condition]) -> None:
    """Adds `timestep_start` and `timestep_end` (sigmas) where an entry names a share of the run."""
    for i, entry in enumerate(conds):
        bounds: Condition = {}
        for share, bound in (("start_percent", "timestep_start"), ("end_percent", "timestep_end")):
            if share in entry:
                bounds[bound] = model.model_sampling.percent_to_sigma(entry[share])
        if bounds:
            conds[i] = {**entry, **bounds}


def pre_run_control(model: Any, conds: list[Condition]) -> None:
    """Tells every control of the entries about the model, once before the run."""
    for entry in conds:
        if "control" in entry:
            entry["control"].pre_run(model, model.model_sampling.percent_to_sigma)


def apply_empty_x_to_equal_area(
    conds: list[Condition],
    uncond: list[Condition],
    name: str,
    uncond_fill_func: Callable[[list[Any], int], Any],
) -> None:
    """Copies an extra (a control) to entries of the other side that cover the whole latent and have none.

    With more entries here than there, further copies of the first entry there are added.
    """
    mine = [entry[name] for entry in conds if "area" not in entry and entry.get(name) is not None]
    if not mine:
        return
    there: list[tuple[int, Condition]] = []
    for i, entry in enumerate(uncond):
        if "area" in entry:
            continue
        if entry.get(name) is not None:
            return
        there.append((i, entry))
    if not there:
        return
    for k in range(len(mine)):
        i, entry = there[k % len(there)]
        filled = {**entry, name: uncond_fill_func(mine, k)}
        if k < len(there):
            uncond[i] = filled
        else:
            uncond.append(filled)


def encode_model_conds(
    model_function: Callable[..., dict[str, Any]],
    conds: list[Condition],
    noise: Tensor,
    device: torch.device,
    prompt_type: str,
    **kwargs: Any,
) -> list[Condition]:
    """Asks the model for its inputs of every entry and stores them under `model_conds`; returns `conds`."""
    size: dict[str, int] = {}
    if noise.ndim >= 4:
        size = {"width": noise.shape[3] * PIXELS_PER_CELL, "height": noise.shape[2] * PIXELS_PER_CELL}
    for i, entry in enumerate(conds):
        given = {"device": device, "noise": noise, **size, "prompt_type": prompt_type, **kwargs}
        params = {**given, **entry, "device": device, "noise": noise, "prompt_type": prompt_type}
        inputs = {**entry["model_conds"], **model_function(**params)}
        conds[i] = {**entry, "model_conds": inputs}
    return conds


def process_conds(
    model: Any,
    noise: Tensor,
    conds: Conditionings,
    device: torch.device,
    latent_image: Tensor | None = None,
    denoise_mask: Tensor | None = None,
    seed: int | None = None,
) -> Conditionings:
    """All sides ready to be evaluated; `conds` itself keeps its lists, the result has new ones."""
    sides = {side: list(entries) for side, entries in conds.items()}
    for entries in sides.values():
        resolve_areas_and_cond_masks_multidim(entries, noise.shape[2:], device)
        calculate_start_end_timesteps(model, entries)
    for side, entries in sides.items():
        if hasattr(model, "extra_conds"):
            encode_model_conds(
                model.extra_conds,
                entries,
                noise,
                device,
                side,
                latent_image=latent_image,
                denoise_mask=denoise_mask,
                seed=seed,
            )
    for side, entries in sides.items():
        for other_side, other in sides.items():
            if side == other_side:
                continue
            for entry in list(entries):
                create_cond_with_same_area_if_none(other, entry)
    for entries in sides.values():
        pre_run_control(model, entries)
    if "positive" in sides:
        for side in sides:
            if side != "positive":
                apply_empty_x_to_equal_area(
                    sides["positive"], sides[side], "control", lambda extras, k: extras[k]
                )
    return sides
