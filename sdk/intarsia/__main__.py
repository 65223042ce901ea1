# SPDX-License-Identifier: Apache-2.0
"""`python -m intarsia`: the command line of the interpreter's own environment."""

from intarsia.cli.app import main

if __name__ == "__main__":
    main()
