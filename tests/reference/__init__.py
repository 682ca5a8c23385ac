"""NumPy references of every operation, one module per family of the table."""
