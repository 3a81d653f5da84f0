"""Inbound signals: signed messages of other systems that become orders of a deployment."""
