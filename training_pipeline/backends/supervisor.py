"""Kept until 0.3 for processes that 0.1 started, which name this module: see `backends.local.supervisor`."""

import sys

from training_pipeline.backends.local.supervisor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
