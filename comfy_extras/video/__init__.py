"""Rooms of the video and stream nodes: what they do, without their schemas. May import what `comfy_extras` may."""
