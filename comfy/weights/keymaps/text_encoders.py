"""Names that LoRA writers give to the weights of text encoders."""

from __future__ import annotations

# Layers inside one CLIP layer that LoRA files may change.
CLIP_LAYERS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "mlp.fc1",
    "mlp.fc2",
)

# Encoder's name in our state dicts -> (prefixes with underscores, prefixes with dots) of its text model.
ENCODER_ALIASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "clip_l": (("lora_te_", "lora_te1_"), ("text_encoder.",)),
    "clip_g": (("lora_te2_",), ("text_encoder_2.",)),
}

# Encoder's name -> names of its projection.
PROJECTION_ALIASES: dict[str, tuple[str, ...]] = {
    "clip_l": ("lora_te1_text_projection",),
    "clip_g": ("lora_prior_te_text_projection", "lora_te2_text_projection"),
}
