# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Zephyr's CMake package: the functions that a module calls, modules by `EXTRA_ZEPHYR_MODULES`, and
settings from ``prj.conf``. The real tree is far too large for a test; what is checked here is that the module's own
files call it as its documentation says, and build."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = r"""
project(Zephyr-Kernel C CXX ASM)
file(STRINGS ${CMAKE_SOURCE_DIR}/prj.conf lines REGEX "^CONFIG_[A-Z0-9_]+=")
foreach(line ${lines})
  string(REGEX MATCH "^([A-Z0-9_]+)=(.*)$" _ ${line})
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

add_library(zephyr_interface INTERFACE)
add_executable(app "")
target_link_libraries(app PRIVATE zephyr_interface)

macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC "")
  target_link_libraries(${name} PUBLIC zephyr_interface)
  target_link_libraries(app PRIVATE -Wl,--whole-archive ${name} -Wl,--no-whole-archive)
endmacro()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE ${ARGN})
endfunction()

foreach(module ${EXTRA_ZEPHYR_MODULES})
  file(STRINGS ${module}/zephyr/module.yml found REGEX "^  cmake: ")
  string(REPLACE "  cmake: " "" folder "${found}")
  add_subdirectory(${module}/${folder} modules/${folder})
endforeach()
"""


def package(folder: Path) -> Path:
    """Writes the package; its folder is what `Zephyr_DIR` has to be."""
    folder.mkdir()
    (folder / "ZephyrConfig.cmake").write_text(_PACKAGE)
    return folder
