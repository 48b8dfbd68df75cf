# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m vmm` is the `patchvisor` command."""

from vmm.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
