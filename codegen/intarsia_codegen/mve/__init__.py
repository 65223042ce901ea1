# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the Helium (MVE, Cortex-M55) kernel generators."""
