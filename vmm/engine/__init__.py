# SPDX-License-Identifier: GPL-2.0-or-later
"""The physical processor: what executes guest code, and the view of its state that the monitor keeps."""
