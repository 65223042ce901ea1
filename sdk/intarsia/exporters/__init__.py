# SPDX-License-Identifier: Apache-2.0
"""Writers of model files that other tools read."""
