"""Towers: one modality in, one feature vector out."""
