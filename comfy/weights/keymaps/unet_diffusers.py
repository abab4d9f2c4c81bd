"""Names that the diffusers layout gives to the weights of a latent-diffusion UNet.

The layout counts down and up blocks with residual blocks and attentions inside, checkpoints count one list of blocks;
which is which follows from the number of blocks per level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Names inside one residual block, one spatial transformer, one transformer block: layout's name -> checkpoint's name.
RESNET = {
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
    "in_layers.0": "norm1",
    "out_layers.0": "norm2",
}
ATTENTION = ("proj_in", "proj_out", "norm")
TRANSFORMER = (
    "norm1",
    "norm2",
    "norm3",
    "attn1.to_q",
    "attn1.to_k",
    "attn1.to_v",
    "attn1.to_out.0",
    "attn2.to_q",
    "attn2.to_k",
    "attn2.to_v",
    "attn2.to_out.0",
    "ff.net.0.proj",
    "ff.net.2",
)
OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding.linear_1": "label_emb.0.0",
    "class_embedding.linear_2": "label_emb.0.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}


def module_names(unet_config: Mapping[str, Any]) -> dict[str, str]:
    """Module name in the diffusers layout -> module name in a checkpoint, for a UNet of these numbers.

    Read from the config: num_res_blocks, transformer_depth, transformer_depth_output, transformer_depth_middle.
    """
    names: dict[str, str] = dict(OUTSIDE)
    blocks: Sequence[int] = unet_config["num_res_blocks"]
    depth_down = list(unet_config["transformer_depth"])
    depth_up = list(unet_config["transformer_depth_output"])

    index = 1
    for level, count in enumerate(blocks):
        for i in range(count):
            names.update(_resnet(f"down_blocks.{level}.resnets.{i}", f"input_blocks.{index}.0"))
            depth = depth_down.pop(0)
            names.update(_attention(f"down_blocks.{level}.attentions.{i}", f"input_blocks.{index}.1", depth))
            index += 1
        # Every level is given its resampling; the last level's names then lead to a weight that no model has.
        names[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{index}.0.op"
        index += 1

    depth = unet_config.get("transformer_depth_middle") or 0
    names.update(_attention("mid_block.attentions.0", "middle_block.1", depth))
    for i, position in enumerate((0, 2)):
        names.update(_resnet(f"mid_block.resnets.{i}", f"middle_block.{position}"))

    index = 0
    for level, count in enumerate(reversed(blocks)):
        for i in range(count + 1):
            names.update(_resnet(f"up_blocks.{level}.resnets.{i}", f"output_blocks.{index}.0"))
            depth = depth_up.pop()
            names.update(_attention(f"up_blocks.{level}.attentions.{i}", f"output_blocks.{index}.1", depth))
            if i == count:
                position = 2 if depth else 1
                names[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{index}.{position}.conv"
            index += 1
    return names


def _resnet(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.{name}": f"{ours}.{part}" for part, name in RESNET.items()}


def _attention(theirs: str, ours: str, depth: int) -> dict[str, str]:
    if not depth:
        return {}
    names = {f"{theirs}.{name}": f"{ours}.{name}" for name in ATTENTION}
    for i in range(depth):
        names.update(
            {
                f"{theirs}.transformer_blocks.{i}.{name}": f"{ours}.transformer_blocks.{i}.{name}"
                for name in TRANSFORMER
            }
        )
    return names
