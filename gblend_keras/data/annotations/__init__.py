"""Parsers of annotation files: one module a data set, and what they share."""
