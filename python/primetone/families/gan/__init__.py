"""Sentences from noise, against a critic."""
