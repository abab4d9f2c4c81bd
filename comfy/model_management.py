"""Door: devices, number formats, loaded models, interruption. Nearly every model pack imports something here.

Rooms: `comfy.memory`, `comfy.interruption`. Variables (`vram_state` ...) are read from their homes at every access.
"""

from comfy._facade import open_door
from comfy.interruption import (
    InterruptProcessingException as InterruptProcessingException,
)
from comfy.interruption import (
    interrupt_current_processing as interrupt_current_processing,
)
from comfy.interruption import (
    processing_interrupted as processing_interrupted,
)
from comfy.interruption import (
    throw_exception_if_processing_interrupted as throw_exception_if_processing_interrupted,
)
from comfy.memory.capabilities import (
    DISABLE_SMART_MEMORY as DISABLE_SMART_MEMORY,
)
from comfy.memory.capabilities import (
    OOM_EXCEPTION as OOM_EXCEPTION,
)
from comfy.memory.capabilities import (
    XFORMERS_IS_AVAILABLE as XFORMERS_IS_AVAILABLE,
)
from comfy.memory.capabilities import (
    amd_min_version as amd_min_version,
)
from comfy.memory.capabilities import (
    device_should_use_non_blocking as device_should_use_non_blocking,
)
from comfy.memory.capabilities import (
    directml_enabled as directml_enabled,
)
from comfy.memory.capabilities import (
    flash_attention_enabled as flash_attention_enabled,
)
from comfy.memory.capabilities import (
    force_channels_last as force_channels_last,
)
from comfy.memory.capabilities import (
    get_autocast_device as get_autocast_device,
)
from comfy.memory.capabilities import (
    is_ascend_npu as is_ascend_npu,
)
from comfy.memory.capabilities import (
    is_directml_enabled as is_directml_enabled,
)
from comfy.memory.capabilities import (
    is_intel_xpu as is_intel_xpu,
)
from comfy.memory.capabilities import (
    is_ixuca as is_ixuca,
)
from comfy.memory.capabilities import (
    is_mlu as is_mlu,
)
from comfy.memory.capabilities import (
    mac_version as mac_version,
)
from comfy.memory.capabilities import (
    mps_mode as mps_mode,
)
from comfy.memory.capabilities import (
    pytorch_attention_enabled as pytorch_attention_enabled,
)
from comfy.memory.capabilities import (
    pytorch_attention_enabled_vae as pytorch_attention_enabled_vae,
)
from comfy.memory.capabilities import (
    pytorch_attention_flash_attention as pytorch_attention_flash_attention,
)
from comfy.memory.capabilities import (
    sage_attention_enabled as sage_attention_enabled,
)
from comfy.memory.capabilities import (
    torch_version as torch_version,
)
from comfy.memory.capabilities import (
    xformers_enabled as xformers_enabled,
)
from comfy.memory.capabilities import (
    xformers_enabled_vae as xformers_enabled_vae,
)
from comfy.memory.capabilities import (
    xpu_available as xpu_available,
)
from comfy.memory.casting import (
    cast_to as cast_to,
)
from comfy.memory.casting import (
    cast_to_device as cast_to_device,
)
from comfy.memory.casting import (
    device_supports_non_blocking as device_supports_non_blocking,
)
from comfy.memory.casting import (
    get_offload_stream as get_offload_stream,
)
from comfy.memory.casting import (
    sync_stream as sync_stream,
)
from comfy.memory.devices import (
    CPUState as CPUState,
)
from comfy.memory.devices import (
    VRAMState as VRAMState,
)
from comfy.memory.devices import (
    cpu_mode as cpu_mode,
)
from comfy.memory.devices import (
    cpu_state as cpu_state,
)
from comfy.memory.devices import (
    get_free_memory as get_free_memory,
)
from comfy.memory.devices import (
    get_torch_device as get_torch_device,
)
from comfy.memory.devices import (
    get_torch_device_name as get_torch_device_name,
)
from comfy.memory.devices import (
    get_total_memory as get_total_memory,
)
from comfy.memory.devices import (
    intermediate_device as intermediate_device,
)
from comfy.memory.devices import (
    is_amd as is_amd,
)
from comfy.memory.devices import (
    is_device_cpu as is_device_cpu,
)
from comfy.memory.devices import (
    is_device_cuda as is_device_cuda,
)
from comfy.memory.devices import (
    is_device_mps as is_device_mps,
)
from comfy.memory.devices import (
    is_device_type as is_device_type,
)
from comfy.memory.devices import (
    is_device_xpu as is_device_xpu,
)
from comfy.memory.devices import (
    is_nvidia as is_nvidia,
)
from comfy.memory.devices import (
    soft_empty_cache as soft_empty_cache,
)
from comfy.memory.devices import (
    text_encoder_device as text_encoder_device,
)
from comfy.memory.devices import (
    text_encoder_initial_device as text_encoder_initial_device,
)
from comfy.memory.devices import (
    text_encoder_offload_device as text_encoder_offload_device,
)
from comfy.memory.devices import (
    total_ram as total_ram,
)
from comfy.memory.devices import (
    total_vram as total_vram,
)
from comfy.memory.devices import (
    unet_inital_load_device as unet_inital_load_device,
)
from comfy.memory.devices import (
    unet_offload_device as unet_offload_device,
)
from comfy.memory.devices import (
    vae_device as vae_device,
)
from comfy.memory.devices import (
    vae_offload_device as vae_offload_device,
)
from comfy.memory.devices import (
    vram_state as vram_state,
)
from comfy.memory.dtypes import (
    FLOAT8_TYPES as FLOAT8_TYPES,
)
from comfy.memory.dtypes import (
    dtype_size as dtype_size,
)
from comfy.memory.dtypes import (
    extended_fp16_support as extended_fp16_support,
)
from comfy.memory.dtypes import (
    force_upcast_attention_dtype as force_upcast_attention_dtype,
)
from comfy.memory.dtypes import (
    get_supported_float8_types as get_supported_float8_types,
)
from comfy.memory.dtypes import (
    pick_weight_dtype as pick_weight_dtype,
)
from comfy.memory.dtypes import (
    should_use_bf16 as should_use_bf16,
)
from comfy.memory.dtypes import (
    should_use_fp16 as should_use_fp16,
)
from comfy.memory.dtypes import (
    supports_cast as supports_cast,
)
from comfy.memory.dtypes import (
    supports_dtype as supports_dtype,
)
from comfy.memory.dtypes import (
    supports_fp8_compute as supports_fp8_compute,
)
from comfy.memory.dtypes import (
    text_encoder_dtype as text_encoder_dtype,
)
from comfy.memory.dtypes import (
    unet_dtype as unet_dtype,
)
from comfy.memory.dtypes import (
    unet_manual_cast as unet_manual_cast,
)
from comfy.memory.dtypes import (
    vae_dtype as vae_dtype,
)
from comfy.memory.residency import (
    LoadedModel as LoadedModel,
)
from comfy.memory.residency import (
    cleanup_models as cleanup_models,
)
from comfy.memory.residency import (
    cleanup_models_gc as cleanup_models_gc,
)
from comfy.memory.residency import (
    current_loaded_models as current_loaded_models,
)
from comfy.memory.residency import (
    extra_reserved_memory as extra_reserved_memory,
)
from comfy.memory.residency import (
    free_memory as free_memory,
)
from comfy.memory.residency import (
    load_model_gpu as load_model_gpu,
)
from comfy.memory.residency import (
    load_models_gpu as load_models_gpu,
)
from comfy.memory.residency import (
    loaded_models as loaded_models,
)
from comfy.memory.residency import (
    maximum_vram_for_weights as maximum_vram_for_weights,
)
from comfy.memory.residency import (
    minimum_inference_memory as minimum_inference_memory,
)
from comfy.memory.residency import (
    module_size as module_size,
)
from comfy.memory.residency import (
    offloaded_memory as offloaded_memory,
)
from comfy.memory.residency import (
    unload_all_models as unload_all_models,
)
from comfy.memory.residency import (
    use_more_memory as use_more_memory,
)

__all__ = sorted(name for name in vars() if not name.startswith("_") and name != "open_door")

open_door(__name__)
