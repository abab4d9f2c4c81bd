"""SD1-layout nets of free width, for training. Module names give SD1's on-disk keys directly."""
