"""Compares our record with the venue's; owns breaks."""
