"""Model execution: weights, models, text, VAEs, sampling. Imports torch, never the server or nodes."""
