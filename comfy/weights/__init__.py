"""Files of weights: reading, recognising, naming and adding to them.

`files` reads and writes, `metadata` parses what a file says of itself, `detect` finds the family by keys and
shapes, `keymaps/` holds names as data, `lora/` turns LoRA-like files into weight patches. May import `comfy` rooms
below it (errors); networks are built in `comfy.models`.
"""
