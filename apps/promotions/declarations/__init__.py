"""Configuration as code: one declaration a bot, compared with what is, applied, and watched for drift."""
