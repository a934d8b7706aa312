"""Evaluation: metrics, views, actions, subsets of modalities."""
