# SPDX-License-Identifier: Apache-2.0
"""Firmware in the forms that boot loaders and flashing tools take."""
