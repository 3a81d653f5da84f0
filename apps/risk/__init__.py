"""Limits, exposure, holds, the pre-trade check."""
