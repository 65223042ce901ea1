# SPDX-License-Identifier: Apache-2.0
"""Cycles of a core that is only emulated, estimated from what it executed and its documented timing. Never measured."""
