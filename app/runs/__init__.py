"""`POST /v1/workflows/run`: a graph in, its results out; waiting, event streams, repeat-safe calls, webhooks."""
