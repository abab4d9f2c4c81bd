"""Media values and their files: one kind per module. Importing this package loads nothing else."""
