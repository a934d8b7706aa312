"""Fusions: the features of every tower in, the joint logits out."""
