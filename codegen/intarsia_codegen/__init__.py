# SPDX-License-Identifier: Apache-2.0
"""From a quantized graph to a C project for one board."""
