# find_package(tutti), before project(): the board that TUTTI_BOARD names (in os/board, or a folder by its path;
# without it this machine) chooses the compiler, and behind project() there are tt_product and tt_image, which build what
# the project names from the sources beside this file, with the project's limits (docs/first-device.md):
#
#     set(TUTTI_LIMITS TT_NODE_PEERS_MAX=8)     # or -DTUTTI_LIMITS=...; any constant of docs/limits.md that can be set
#     find_package(tutti REQUIRED)
#     project(sensor LANGUAGES C ASM)
#     tt_product(sensor SOURCES sensor.c)
#
# Programs that are no devices link with tutti::node and so on; for this machine an SDK has them compiled.
if(COMMAND tt_product)
    return() # an example inside the tree
endif()
include(${CMAKE_CURRENT_LIST_DIR}/tools/cmake/board.cmake)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "as Tutti's own presets")
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g" CACHE STRING "as Tutti's own presets")
endif()
if(PROJECT_NAME AND TUTTI_BOARD AND NOT TUTTI_TARGET AND NOT TT_BOARD_CPU STREQUAL "linux")
    message(FATAL_ERROR "find_package(tutti) comes before project(): the board ${TT_BOARD} decides on the compiler")
endif()
if(PROJECT_NAME)
    include(${CMAKE_CURRENT_LIST_DIR}/tools/cmake/project.cmake)
else()
    set(CMAKE_PROJECT_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/tools/cmake/project.cmake)
endif()
