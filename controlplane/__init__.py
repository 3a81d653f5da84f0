"""The Django project that puts the apps together."""
