"""For when the platform itself is down: cancel at the venues from the last export, and keep a signed journal."""
