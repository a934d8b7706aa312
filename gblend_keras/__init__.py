"""Gradient-Blending for Keras 3 and TensorFlow."""
