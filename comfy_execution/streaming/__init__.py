"""Streams inside the engine: nodes that hand frames on while they make them.

Read `contract` first (what a stream is), then `tee` (one stream, many readers), `region_state` (who goes next; pure),
`region_driver` (steps it), `planner` (which ordinary nodes may be fused), `session` (what `run` talks to). May import
what `comfy_execution` may: no torch, no numpy. What a chunk is, is known to a `FrameOps` alone (`comfy_api.frames`).
"""
