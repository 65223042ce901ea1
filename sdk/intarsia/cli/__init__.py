# SPDX-License-Identifier: Apache-2.0
"""The command line: each file parses the arguments of one verb and does nothing else."""
