"""The window and everything that a person touches."""
