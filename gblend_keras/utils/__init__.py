"""Utilities that know nothing of blending."""
