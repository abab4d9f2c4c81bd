"""Asking the network: all active entries of all sides, in as few calls as shapes and memory allow.

Every entry is cut out of the latent (`get_area_and_mult`), entries that fit together become one batch, and the
answers are averaged with their weights. Read first: `conditions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from comfy.memory import devices
from comfy.patching.wrappers import WrapperExecutor, WrappersMP, get_all_wrappers
from comfy.sampling.model import Condition, SampledModel

# Width in latent cells of the soft border around an area.
AREA_FEATHER = 8

# Weight where no entry is active: small enough to vanish beside any real weight, large enough to divide by.
NO_WEIGHT = 1e-37

# Larger than any latent: a missing axis of an area means all of it.
WHOLE_AXIS = 2147483648


class Cutout(NamedTuple):
    """One entry placed on the latent. Field names are known to packs."""

    input_x: Tensor
    mult: Tensor
    conditioning: dict[str, Any]
    area: tuple[int, ...] | None
    control: Any
    patches: dict[str, Any] | None
    uuid: Any
    hooks: Any = None


def add_area_dims(area: Sequence[int], num_dims: int) -> list[int]:
    """An area with leading axes added, whole, until it has `num_dims` of them."""
    extended = list(area)
    while len(extended) // 2 < num_dims:
        half = len(extended) // 2
        extended = [WHOLE_AXIS, *extended[:half], 0, *extended[half:]]
    return extended


def _feather(weights: Tensor, area: Sequence[int], x_in: Tensor) -> None:
    """Ramps the weights, in place, towards every border of the area that is not a border of the latent."""
    dims = len(area) // 2
    for i in range(dims):
        axis = i + 2
        ramp = min(AREA_FEATHER, weights.shape[axis] // 4)
        if area[dims + i] != 0:
            for t in range(ramp):
                weights.narrow(axis, t, 1).mul_((t + 1) / ramp)
        if area[i] + area[dims + i] < x_in.shape[axis]:
            for t in range(ramp):
                weights.narrow(axis, weights.shape[axis] - 1 - t, 1).mul_((t + 1) / ramp)


def get_area_and_mult(conds: Condition, x_in: Tensor, timestep_in: Tensor) -> Cutout | None:
    """The entry's cut-out of the latent with its weights, or None outside of its time range.

    Shape: latent (B,C,...) -> `input_x` and `mult` of the area's size; `mult` is strength times mask, with
    feathered borders where there is an area and no mask.
    """
    sigma = timestep_in[0]
    if "timestep_start" in conds and sigma > conds["timestep_start"]:
        return None
    if "timestep_end" in conds and sigma < conds["timestep_end"]:
        return None

    dims = x_in.ndim - 2
    area: list[int] | None = None
    input_x = x_in
    if conds.get("area") is not None:
        area = add_area_dims(conds["area"], dims)
        for i in range(dims):
            area[i] = min(x_in.shape[i + 2] - area[dims + i], area[i])
            input_x = input_x.narrow(i + 2, area[dims + i], area[i])

    if "mask" in conds:
        mask = conds["mask"][: input_x.shape[0]]
        while mask.ndim - 1 < dims:
            mask = mask.unsqueeze(1)
        if area is not None:
            for i in range(dims):
                if mask.shape[i + 1] > 1:
                    mask = mask.narrow(i + 1, area[dims + i], area[i])
        mask = (mask * conds.get("mask_strength", 1.0)).unsqueeze(1)
        weights = mask.repeat((input_x.shape[0] // mask.shape[0], 1) + (1,) * dims).expand_as(input_x)
    else:
        weights = torch.ones_like(input_x)
    weights = weights * conds.get("strength", 1.0)
    if area is not None and "mask" not in conds:
        _feather(weights, area, x_in)

    placed = None if area is None else tuple(area)
    inputs = {
        name: cond.process_cond(batch_size=x_in.shape[0], area=placed)
        for name, cond in conds.get("model_conds", {}).items()
    }
    return Cutout(
        input_x, weights, inputs, placed, conds.get("control"), None, conds.get("uuid"), conds.get("hooks")
    )


def cond_equal_size(c1: dict[str, Any], c2: dict[str, Any]) -> bool:
    """Whether two sets of model inputs have the same names and can be batched."""
    if c1 is c2:
        return True
    return c1.keys() == c2.keys() and all(c1[name].can_concat(c2[name]) for name in c1)


def can_concat_cond(c1: Cutout, c2: Cutout) -> bool:
    """Whether two cut-outs may go through the network in one call."""
    return (
        c1.input_x.shape == c2.input_x.shape
        and c1.control is c2.control
        and c1.patches is c2.patches
        and cond_equal_size(c1.conditioning, c2.conditioning)
    )


def cond_cat(c_list: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The model inputs of one call, from those of its members; all have the same names."""
    first, *others = c_list
    return {name: cond.concat([other[name] for other in others]) for name, cond in first.items()}


def _batches(model: SampledModel, work: list[tuple[Cutout, int]]) -> list[list[tuple[Cutout, int]]]:
    """The work in calls: greedy, in order, as large as free memory allows."""
    calls: list[list[tuple[Cutout, int]]] = []
    rest = work
    while rest:
        first = rest[0][0]
        fitting = [item for item in rest if can_concat_cond(item[0], first)]
        taken = len(fitting)
        shape = list(first.input_x.shape)
        if taken > 1:
            free = devices.get_free_memory(first.input_x.device)
            # Half as much again, since an estimate that is too low ends the run.
            while taken > 1 and model.memory_required([taken * shape[0], *shape[1:]]) * 1.5 > free:
                taken = -(-taken // 2)
        chosen = fitting[:taken]
        calls.append(chosen)
        members = {id(item) for item in chosen}
        rest = [item for item in rest if id(item) not in members]
    return calls


def _call(
    model: SampledModel,
    members: list[tuple[Cutout, int]],
    timestep: Tensor,
    model_options: dict[str, Any],
) -> tuple[Tensor, ...]:
    """One network call for members that fit together; one answer per member."""
    input_x = torch.cat([cutout.input_x for cutout, _ in members])
    timesteps = torch.cat([timestep] * len(members))
    inputs = cond_cat([cutout.conditioning for cutout, _ in members])
    sides = [side for _, side in members]

    transformer_options = dict(model_options.get("transformer_options", {}))
    transformer_options["cond_or_uncond"] = sides
    transformer_options["uuids"] = [cutout.uuid for cutout, _ in members]
    transformer_options["sigmas"] = timesteps
    inputs["transformer_options"] = transformer_options

    control = members[0][0].control
    if control is not None:
        inputs["control"] = control.get_control(input_x, timesteps, inputs, len(members), transformer_options)
    if "model_function_wrapper" in model_options:
        wrapped = {"input": input_x, "timestep": timesteps, "c": inputs, "cond_or_uncond": sides}
        output = model_options["model_function_wrapper"](model.apply_model, wrapped)
    else:
        output = model.apply_model(input_x, timesteps, **inputs)
    return output.chunk(len(members))


def calc_cond_batch(
    model: SampledModel,
    conds: Sequence[list[Condition] | None],
    x_in: Tensor,
    timestep: Tensor,
    model_options: dict[str, Any],
) -> list[Tensor]:
    """One denoised latent per side: the weighted mean of its active entries, zero where there is none.

    Shape: x_in (B,C,...), timestep sigma (B,) -> each like x_in. A side that is None or empty is not evaluated.
    """
    wrappers = get_all_wrappers(WrappersMP.CALC_COND_BATCH, model_options, is_model_options=True)
    executor = WrapperExecutor.new_executor(_calc_cond_batch, wrappers)
    return executor.execute(model, conds, x_in, timestep, model_options)


def _calc_cond_batch(
    model: SampledModel,
    conds: Sequence[list[Condition] | None],
    x_in: Tensor,
    timestep: Tensor,
    model_options: dict[str, Any],
) -> list[Tensor]:
    work: list[tuple[Cutout, int]] = []
    for side, entries in enumerate(conds):
        for entry in entries or ():
            cutout = get_area_and_mult(entry, x_in, timestep)
            if cutout is not None:
                work.append((cutout, side))

    sums = [torch.zeros_like(x_in) for _ in conds]
    weights = [torch.full_like(x_in, NO_WEIGHT) for _ in conds]
    for members in _batches(model, work):
        outputs = _call(model, members, timestep, model_options)
        for (cutout, side), output in zip(members, outputs, strict=True):
            target, weight = sums[side], weights[side]
            if cutout.area is not None:
                dims = len(cutout.area) // 2
                for i in range(dims):
                    target = target.narrow(i + 2, cutout.area[dims + i], cutout.area[i])
                    weight = weight.narrow(i + 2, cutout.area[dims + i], cutout.area[i])
            target += output * cutout.mult
            weight += cutout.mult
    return [total.div_(weight) for total, weight in zip(sums, weights, strict=True)]


def calc_cond_uncond_batch(
    model: SampledModel,
    cond: list[Condition] | None,
    uncond: list[Condition] | None,
    x_in: Tensor,
    timestep: Tensor,
    model_options: dict[str, Any],
) -> tuple[Tensor, ...]:
    """`calc_cond_batch` for two sides; older packs call it."""
    return tuple(calc_cond_batch(model, [cond, uncond], x_in, timestep, model_options))
