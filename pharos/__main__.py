"""``python -m pharos`` is the command ``pharos``."""

from pharos.tools.cli import main

main()
