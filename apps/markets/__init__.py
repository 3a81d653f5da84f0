"""Instruments, feeds and their market clock, datasets, FX rates."""
