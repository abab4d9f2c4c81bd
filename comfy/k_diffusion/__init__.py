"""Doors under the name of a sampling library that packs import; see `sampling`."""
