"""`gblend report`, run from a checkout."""

import sys

from gblend_keras.cli.main import main

if __name__ == "__main__":
    main(["report", *sys.argv[1:]])
