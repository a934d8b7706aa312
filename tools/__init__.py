"""Command-line tools: flags -> one call each."""
