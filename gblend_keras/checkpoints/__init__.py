"""Public checkpoints of others: read, named, converted."""
