"""The description of the whole HTTP interface: types per route, the OpenAPI document, the page that shows it.

`operations` says which types go in and out; routes, names and texts come from the registered handlers themselves.
"""
