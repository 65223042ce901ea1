# SPDX-License-Identifier: Apache-2.0
"""Hostile files and bytes, made from good ones: every reader must accept them or refuse them with an error of ours."""
