# SPDX-License-Identifier: Apache-2.0
"""Planning: where each buffer lies in the arena, where the network is cut, how many bits each map has."""
