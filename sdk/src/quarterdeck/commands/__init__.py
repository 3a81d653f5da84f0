"""The quarterdeck command, one module for each group of commands; each has `add`, which describes its commands."""
