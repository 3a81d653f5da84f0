"""Rules, alerts, acknowledgement."""
