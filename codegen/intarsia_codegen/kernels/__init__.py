# SPDX-License-Identifier: Apache-2.0
"""Kernel generators, one file each: `<contract>__<isa>.py`. The file name is the registration.

A module provides `generate(call, name)`: it returns the functions that compute one call with every shape, weight and
constant known, or None when it does not apply (then the next instruction set of the board is asked, the portable
kernel last).
"""
