"""Checks that node authors run on their own streams and frame-wise nodes. Nothing here is used by a server."""
