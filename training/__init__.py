"""Training scripts for the weights this project ships. Nothing at run time imports this package."""
