# SPDX-License-Identifier: Apache-2.0
"""Runs as tables, JSON, CSV and HTML. The same numbers in each."""
