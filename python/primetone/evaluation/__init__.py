"""Measuring models: likelihood, baselines and the report that puts them side by side."""
