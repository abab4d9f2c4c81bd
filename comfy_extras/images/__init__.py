"""What nodes_images.py offers beside its own nodes: animated files."""
