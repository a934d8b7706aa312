"""The command `gblend`: one file a command, which turns flags into calls."""
