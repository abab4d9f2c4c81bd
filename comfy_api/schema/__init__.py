"""What a V3 node says about itself, as data. No torch here.

`sockets` is the type machinery; `widgets`, `numbers`, `combos`, `values_*`, `matching_sockets` and
`dynamic_sockets` are the types; `hidden`, `schema`, `output`, `node`, `extension`, `ui` and `saved` the rest of
the language. `v1_view` turns a schema into the forms that clients and the engine read, `dynamic` unfolds inputs
that depend on the prompt.
"""
