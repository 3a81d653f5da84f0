"""Benchmarks: what the product does against a reference measured in the same run (`make bench`)."""
