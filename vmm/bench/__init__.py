# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor bench`: small guests whose loops are timed on several platforms, and what the times are held against."""
