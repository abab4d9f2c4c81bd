"""Results that outlive a prompt. `keys` says when two nodes are the same, `base` what a cache does, one file per mode.

May import nothing but the standard library and `comfy_execution`'s own records.
"""
