"""What a V3 node says about itself, as data. No torch here.

`sockets` (type machinery), `widgets`, `values_*` (the plain types), `dynamic_sockets`, `hidden`, `schema`,
`output`, `node`, `extension`, `ui`; `v1_view` turns a schema into the forms that clients and the engine read,
`dynamic` unfolds inputs that depend on the prompt.
"""
