# What find_package(tutti) brings into a project outside the tree, once it knows its compiler: the functions, and the rooms
# of a device, built in the project's own build folder as far as something needs them.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/tutti.cmake)
add_subdirectory(${TT_ROOT} ${CMAKE_BINARY_DIR}/tutti EXCLUDE_FROM_ALL)
if(TUTTI_TARGET STREQUAL "linux" AND EXISTS ${TT_ROOT}/libraries.cmake)
    find_package(Threads REQUIRED)
    include(${TT_ROOT}/libraries.cmake)
endif()
