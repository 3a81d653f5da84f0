"""Takes an approved promotion live."""
