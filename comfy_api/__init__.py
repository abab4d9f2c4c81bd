"""The public interface for node authors: schemas, values, progress, versions.

Homes: `schema/` (what a V3 node says about itself), `adapters/` (node class -> `NodeSpec` of the engine),
`media/` (one value type per file), `progress`. Doors: `latest/`, `v0_0_1/`, `v0_0_2/`, `input/`,
`input_impl/`, `util/`. May import `comfy`, `comfy_execution` and `folder_paths`; never nodes or the server.
"""
