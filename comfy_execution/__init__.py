"""The execution engine: prompts in, instructions and messages out. Standard library only.

Read `node_spec` first (what the engine knows of a node), then `states` and `scheduler` (pure), then
`executor` (the driver). Nothing here imports torch, aiohttp or the server: what is needed from above is
handed in.
"""
