"""Built-in nodes, and how nodes come into the process: core lists, node files, custom node packs.

`core/` holds the nodes that report module `nodes`; `nodes_<family>.py` one family each; `builtin` is the fixed
list of both; `loading` fills the registry; `checks` looks at each class once; `object_info` describes classes
for clients. Node code imports homes (`comfy.*`, `comfy_api.*`), never `nodes`, `server` or `execution`.
"""
