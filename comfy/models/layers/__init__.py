"""Layer kit: attention, residual blocks, embeddings. Knows no family and reads no files."""
