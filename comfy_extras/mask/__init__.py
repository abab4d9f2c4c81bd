"""What nodes_mask.py offers beside its own nodes: composites through a mask."""
