# SPDX-License-Identifier: Apache-2.0
"""Building blocks of layers of real values for the floating-point unit of Cortex-M4F, M33 and M7."""
