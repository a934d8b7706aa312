"""`python -m gblend_keras`: the command `gblend`."""

from gblend_keras.cli.main import main

if __name__ == "__main__":
    main()
