# SPDX-License-Identifier: Apache-2.0
"""Measured tables: what the README quotes comes from here."""
