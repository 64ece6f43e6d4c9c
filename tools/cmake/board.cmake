# The board: a folder with a board.cmake, in os/board and chosen by its name, or anywhere and chosen by its path:
#     cmake -B build/mine -DTUTTI_BOARD=../my_board
# board.cmake only sets variables, see docs/architecture.md, "A board". Included before project(), where the board
# says which CPU, and so which compiler, and once more behind it, where a compiler without a board gets one.

get_filename_component(TT_ROOT ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE) # of our sources

# What board.cmake names is there: the CPU, and the files.
function(tt_board_check)
    set(script ${TT_BOARD_FOLDER}/board.cmake)
    file(GLOB cpus RELATIVE ${TT_ROOT}/os/arch ${TT_ROOT}/os/arch/*/arch.cmake)
    list(TRANSFORM cpus REPLACE /arch.cmake "")
    if(NOT TT_BOARD_CPU IN_LIST cpus)
        list(JOIN cpus ", " cpus)
        message(FATAL_ERROR "${script}: there is no CPU ${TT_BOARD_CPU}; TT_BOARD_CPU is one of ${cpus}")
    endif()
    if(NOT TT_BOARD_LINKER_SCRIPT AND NOT TT_BOARD_CPU STREQUAL "linux")
        message(FATAL_ERROR "${script} does not set TT_BOARD_LINKER_SCRIPT")
    endif()
    list(TRANSFORM TT_BOARD_SOURCES PREPEND ${TT_BOARD_FOLDER}/)
    list(TRANSFORM TT_BOARD_LINKER_SCRIPT PREPEND ${TT_BOARD_FOLDER}/)
    list(TRANSFORM TT_BOARD_SHARED PREPEND ${TT_ROOT}/os/)
    foreach(named TT_BOARD_SOURCES TT_BOARD_SHARED TT_BOARD_LINKER_SCRIPT)
        foreach(file IN LISTS ${named})
            if(NOT EXISTS ${file})
                message(FATAL_ERROR "${script} names a file in ${named} that is not there: ${file}")
            endif()
        endforeach()
    endforeach()
endfunction()

macro(tt_board_read)
    set(TT_BOARD_FLAGS)
    set(TT_BOARD_SHARED)
    set(TT_BOARD_LIBRARIES)
    set(TT_BOARD_LINKER_SCRIPT)
    set(TT_BOARD_LINK_FLAGS)
    set(TT_BOARD_PRODUCTS)
    set(TT_BOARD_VARIANTS)
    if("${TUTTI_BOARD}" MATCHES "/") # the path of one elsewhere, from where cmake was started
        set(TUTTI_BOARD "${TUTTI_BOARD}" CACHE PATH "a board's name, or the path of its folder")
        get_filename_component(TUTTI_BOARD "${TUTTI_BOARD}" ABSOLUTE) # where CMakeLists.txt set it: from there
    endif()
    if(IS_ABSOLUTE "${TUTTI_BOARD}")
        get_filename_component(TT_BOARD_FOLDER ${TUTTI_BOARD} ABSOLUTE) # without a slash behind it
    else()
        set(TT_BOARD_FOLDER ${TT_ROOT}/os/board/${TUTTI_BOARD})
    endif()
    if(NOT EXISTS ${TT_BOARD_FOLDER}/board.cmake)
        message(FATAL_ERROR "TUTTI_BOARD: expected the name of a folder in os/board, or the path of one elsewhere "
            "(./NAME for one in this folder), with a board.cmake; there is no ${TT_BOARD_FOLDER}/board.cmake")
    endif()
    include(${TT_BOARD_FOLDER}/board.cmake)
    get_filename_component(TT_BOARD ${TT_BOARD_FOLDER} NAME)
    foreach(needed TT_BOARD_CPU TT_BOARD_SOURCES)
        if(NOT ${needed})
            message(FATAL_ERROR "${TT_BOARD_FOLDER}/board.cmake does not set ${needed}")
        endif()
    endforeach()
    tt_board_check()
endmacro()

if(TUTTI_BOARD)
    tt_board_read()
    set(toolchain ${TT_ROOT}/tools/cmake/${TT_BOARD_CPU}.cmake)
    if(NOT CMAKE_TOOLCHAIN_FILE AND EXISTS ${toolchain}) # a process on this machine has none
        set(CMAKE_TOOLCHAIN_FILE ${toolchain} CACHE FILEPATH "of the board's CPU")
    endif()
endif()
