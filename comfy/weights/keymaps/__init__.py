"""Names of weights as data: other writers' names for the same tensors, by architecture."""
