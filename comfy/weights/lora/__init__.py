"""LoRA-like files: whose weights a file's names mean (`names`), what it stores for each (`formats`), reading (`load`).

The mathematics is `comfy.patching.adapters`.
"""
