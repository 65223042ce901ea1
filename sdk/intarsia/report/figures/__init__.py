# SPDX-License-Identifier: Apache-2.0
"""Figures of the page, worked out as numbers: templates only draw them.

Horizontal places are percentages, so that a figure fills its width while its text keeps its size; vertical ones are
pixels.
"""
