"""`gblend prepare`, run from a checkout."""

import sys

from gblend_keras.cli.main import main

if __name__ == "__main__":
    main(["prepare", *sys.argv[1:]])
