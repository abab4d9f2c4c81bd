"""Door: wrappers of network inputs under the names that model packs import. Room: `comfy.sampling.conds`."""

from comfy.sampling.conds import CondConstant as CONDConstant
from comfy.sampling.conds import CondCrossAttn as CONDCrossAttn
from comfy.sampling.conds import CondList as CONDList
from comfy.sampling.conds import CondNoiseShape as CONDNoiseShape
from comfy.sampling.conds import CondRegular as CONDRegular

__all__ = ["CONDConstant", "CONDCrossAttn", "CONDList", "CONDNoiseShape", "CONDRegular"]
