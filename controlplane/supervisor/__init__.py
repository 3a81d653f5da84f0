"""Runs the whole product on one machine: embedded servers, web, live, workers and beat.

`python -m controlplane.supervisor run` stays in the foreground. It imports no Django: it must be
able to tell what is wrong when the rest cannot start.
"""
