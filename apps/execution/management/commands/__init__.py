"""Commands of execution."""
