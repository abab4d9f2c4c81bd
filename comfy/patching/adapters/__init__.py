"""The mathematics of LoRA-like weight changes, one kind per file. Reading their files is `comfy.weights.lora`."""
