"""Numbers that define one UNet, and the check that they fit together."""

from __future__ import annotations

from dataclasses import dataclass

from comfy.errors import WeightsShapeError
from comfy.weights.metadata import check_divides


@dataclass(frozen=True)
class UNetConfig:
    """A latent-diffusion UNet. Levels count from the highest resolution.

    `transformer_depth` has one number per residual block on the way down, `transformer_depth_output` one per block
    on the way up, written in the order of levels (its last number belongs to the first block up);
    `transformer_depth_middle` is None without attention in the middle. `num_heads` has one number per level, the
    middle uses the last. `adm_in_channels` is the width of the vector condition, None without one.
    """

    in_channels: int
    out_channels: int
    model_channels: int
    num_res_blocks: tuple[int, ...]
    channel_mult: tuple[int, ...]
    transformer_depth: tuple[int, ...]
    transformer_depth_output: tuple[int, ...]
    transformer_depth_middle: int | None
    context_dim: int | None
    use_linear_in_transformer: bool
    adm_in_channels: int | None
    num_heads: tuple[int, ...] = ()
    groups: int = 32

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.model_channels * mult for mult in self.channel_mult)

    def level_depths(self, level: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Transformer depths of one level: of its blocks down, and of its blocks up in order of execution."""
        down_start = sum(self.num_res_blocks[:level])
        down = self.transformer_depth[down_start : down_start + self.num_res_blocks[level]]
        up_start = sum(count + 1 for count in self.num_res_blocks[:level])
        up = self.transformer_depth_output[up_start : up_start + self.num_res_blocks[level] + 1]
        return down, up[::-1]

    def validate(self, *, heads_key: str = "num_heads", groups_key: str = "groups") -> None:
        """Passes when heads and groups divide every width they meet.

        Raises: WeightsShapeError naming the metadata key to set.
        """
        if len(self.num_heads) != len(self.channel_mult):
            raise WeightsShapeError(
                "one head count per level is needed",
                key=heads_key,
                expected=str(len(self.channel_mult)),
                found=str(len(self.num_heads)),
            )
        for level, (width, heads) in enumerate(zip(self.widths, self.num_heads, strict=True)):
            down, up = self.level_depths(level)
            has_attention = (
                any(down) or any(up) or (level == len(self.widths) - 1 and self.transformer_depth_middle)
            )
            if has_attention:
                check_divides(heads, width, key=heads_key, what=f"attention heads of UNet level {level}")
            check_divides(self.groups, width, key=groups_key, what=f"group norm of UNet level {level}")
        check_divides(
            self.groups, self.model_channels, key=groups_key, what="group norm of the UNet's output"
        )
