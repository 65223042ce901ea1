# SPDX-License-Identifier: Apache-2.0
"""Layers over packed feature maps through kernels for int8, whatever the instruction set.

An instruction set gives what turns packed codes into bytes and back (a `Codes`), and its kernels for int8; here is what
is around them: a strip of rows at a time, so that little memory holds bytes.
"""
