"""Blending: how much of the loss each head gets."""
