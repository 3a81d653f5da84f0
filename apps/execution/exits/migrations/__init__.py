"""Migrations of exit plans."""
