"""The one protocol of all venues, and the guard around every adapter."""
