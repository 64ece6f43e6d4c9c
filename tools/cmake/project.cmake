# What find_package(tutti) brings into a project outside the tree, once it knows its compiler: the functions, and the rooms
# of a device, built in the project's own build folder as far as something needs them.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/tutti.cmake)
add_subdirectory(${TT_ROOT} ${CMAKE_BINARY_DIR}/tutti EXCLUDE_FROM_ALL)

# The libraries by the same names everywhere: those that are compiled, where they are for this machine and its tables
# have the sizes that the headers say; else those of the project's own build.
if(TUTTI_TARGET STREQUAL "linux" AND EXISTS ${TT_ROOT}/libraries.cmake AND NOT TUTTI_LIMITS AND NOT TUTTI_SANITIZE)
    find_package(Threads REQUIRED)
    include(${TT_ROOT}/libraries.cmake)
else()
    foreach(library ${TT_LIBRARIES})
        if(TARGET tt_${library})
            add_library(tutti::${library} ALIAS tt_${library})
        endif()
    endforeach()
endif()
