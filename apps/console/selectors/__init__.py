"""Reads that pages need and no app offers: each answers one page with a constant number of queries."""
