"""Programs without Pharos: object files, shared libraries and executables.

``mark`` and ``compile_module`` make the code, ``link`` the file.
"""

from pharos.targets.cpu.standalone.code import Start, compile_module, mark
from pharos.targets.cpu.standalone.link import link

__all__ = ["Start", "compile_module", "link", "mark"]
