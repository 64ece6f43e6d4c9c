# The few functions that every folder's CMakeLists.txt uses, and those of projects outside the tree (tutti-config.cmake).
# board.cmake came before.
include_guard(GLOBAL)

if(NOT TUTTI_TARGET)
    set(TUTTI_TARGET linux)
    set(TUTTI_FIRST_BOARD linux)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON) # asm and attributes; see docs/architecture.md for where
set(CMAKE_C_STANDARD_REQUIRED ON)
file(GLOB headers ${TT_ROOT}/include/tutti/*.h ${TT_ROOT}/platform/*/*.h)
foreach(limit ${TUTTI_LIMITS}) # one that no header asks for would change nothing, and nobody would be told
    string(REGEX REPLACE "=.*" "" limit "${limit}")
    set(asked FALSE)
    foreach(header ${headers})
        file(STRINGS ${header} found REGEX "^#ifndef ${limit}$")
        if(found)
            set(asked TRUE)
        endif()
    endforeach()
    if(NOT asked)
        message(FATAL_ERROR "TUTTI_LIMITS: there is no limit ${limit} that can be set; docs/limits.md tells which there are")
    endif()
endforeach()
if(TUTTI_TARGET STREQUAL "cortex-m4") # what it has RAM for, unless it is told otherwise
    foreach(limit TT_BUS_STREAMS_MAX=1 TT_BUS_STREAM_WINDOW=2048 TT_BUS_TRANSFERS_MAX=2 TT_BUS_OBSERVED_MAX=64
            TT_NODE_ASKS_MAX=2 TT_NODE_OTHERS_MAX=8 TT_NODE_STRANGERS_MAX=2)
        string(REGEX REPLACE "=.*" "=" name ${limit})
        if(NOT "${TUTTI_LIMITS}" MATCHES "${name}")
            list(APPEND TUTTI_LIMITS ${limit})
        endif()
    endforeach()
endif()
add_compile_definitions(${TUTTI_LIMITS})
foreach(root ${CMAKE_SOURCE_DIR} ${TT_ROOT}) # an image is the same wherever it is built
    add_compile_options(-ffile-prefix-map=${root}/=)
    add_compile_options($<$<COMPILE_LANGUAGE:ASM>:-Wa,--debug-prefix-map=${root}/=>) # not every gcc tells it
endforeach()
option(TUTTI_WERROR "Warnings are errors" ON)
if(TUTTI_SANITIZE)
    add_compile_options(-fsanitize=${TUTTI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TUTTI_SANITIZE})
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fno-sanitize=bool) # with it gcc 12 reads a volatile bool once and never again
    endif()
endif()

set(TT_WARNINGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wundef -Wpointer-arith -Wwrite-strings)
if(TUTTI_WERROR)
    list(APPEND TT_WARNINGS -Werror)
endif()
if(TUTTI_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND TT_WARNINGS -Wno-format-truncation) # gcc 14 takes what the sanitizer compares with NULL for NULL
endif()

# The board's CPU is a folder of os/arch, and the compiler is for that one.
if(NOT TUTTI_BOARD)
    set(TUTTI_BOARD ${TUTTI_FIRST_BOARD})
    tt_board_read()
endif()
if(NOT TT_BOARD_CPU STREQUAL TUTTI_TARGET)
    message(FATAL_ERROR "the board ${TT_BOARD} has the CPU ${TT_BOARD_CPU}, and this build is for ${TUTTI_TARGET}")
endif()
add_compile_definitions(TT_CPU_CONTEXT="os/arch/${TT_BOARD_CPU}/context.h")
add_compile_options(${TT_BOARD_FLAGS})
add_link_options(${TT_BOARD_FLAGS})
if(IS_ABSOLUTE "${TUTTI_BOARD}")
    add_compile_options(-ffile-prefix-map=${TT_BOARD_FOLDER}/=${TT_BOARD}/) # as above
endif()

# What runs on a device must not have a stack frame that could step over a stack's guard.
set(context ${TT_ROOT}/os/arch/${TT_BOARD_CPU}/context.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${context})
file(STRINGS ${context} frame_max REGEX "define TT_STACK_FRAME_MAX")
string(REGEX MATCH "[0-9]+" frame_max "${frame_max}")
if(TUTTI_SANITIZE) # its frames have red zones
    set(TT_DEVICE_FLAGS)
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(TT_DEVICE_FLAGS -Wstack-usage=${frame_max}) # counts saved registers, too
else()
    set(TT_DEVICE_FLAGS -Wframe-larger-than=${frame_max})
endif()

# Public headers, those of them that the CPU decides (tutti/cpu.h), and the rooms' own.
set(TT_INCLUDE)
foreach(folder /include /include/cpu/${TT_BOARD_CPU} "")
    list(APPEND TT_INCLUDE $<BUILD_INTERFACE:${TT_ROOT}${folder}> $<INSTALL_INTERFACE:share/tutti${folder}>)
endforeach()

# What programs outside the tree link with, as tutti::node for tt_node.
set(TT_LIBRARIES base codec storage bus node host platform_linux switch_link lwip stack platform_switch device_service
    crash_service log_service model_service store_service lite file graph lower emit run train convert)

# tutti/version.h, of this moment's commit: whoever uses tt_version is built anew when that changes.
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
add_custom_target(tt_version_header BYPRODUCTS ${generated}/tutti/version.h
    COMMAND ${CMAKE_COMMAND} -DROOT=${TT_ROOT} -DOUT=${generated}/tutti/version.h
        -P ${TT_ROOT}/tools/cmake/version.cmake
    VERBATIM)
add_library(tt_version INTERFACE)
target_include_directories(tt_version INTERFACE ${generated})
add_dependencies(tt_version tt_version_header)

# tt_library(NAME SOURCES file... [USES library...] [PRIVATE_USES library...] [TOGETHER library...])
# A static library of one room. USES are the rooms below it whose headers its own headers need.
# On the host a program `alone_NAME` links all of it against USES alone, so a symbol that lives on a
# floor above, or beside, fails the build. TOGETHER names a room that is one floor with this one
# (arch and kernel call each other by design).
function(tt_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;PRIVATE_USES;TOGETHER")
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${TT_INCLUDE})
    target_compile_options(${name} PRIVATE ${TT_WARNINGS} ${TT_DEVICE_FLAGS})
    target_link_libraries(${name} PUBLIC ${arg_USES} PRIVATE ${arg_PRIVATE_USES})
    tt_starts_threads(threads ${arg_USES} ${arg_PRIVATE_USES})
    set_property(GLOBAL PROPERTY starts_threads_${name} ${threads})
    if(TUTTI_TARGET STREQUAL "linux" AND EXISTS ${TT_ROOT}/tests AND NOT TUTTI_SANITIZE)
        add_executable(alone_${name} ${TT_ROOT}/tests/floors/alone.c)
        target_link_libraries(alone_${name} PRIVATE
            -Wl,--whole-archive ${name} -Wl,--no-whole-archive ${arg_USES} ${arg_PRIVATE_USES} ${arg_TOGETHER})
    endif()
endfunction()

# The same for what has no main of its own but a board's: all of the libraries WHOLE against what they
# use, around an empty tt_main. On the host only; elsewhere the linker drops what is not called.
function(tt_alone_image name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "WHOLE")
    if(TUTTI_TARGET STREQUAL "linux" AND EXISTS ${TT_ROOT}/tests AND NOT TUTTI_SANITIZE)
        add_executable(alone_${name} ${TT_ROOT}/tests/floors/alone_image.c)
        target_link_libraries(alone_${name} PRIVATE
            -Wl,--whole-archive ${arg_WHOLE} -Wl,--no-whole-archive tt_kernel tt_board)
    endif()
endfunction()

# tt_program(NAME SOURCES file... USES library...): a program for the machine that is built for.
function(tt_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${TT_INCLUDE})
    target_compile_options(${name} PRIVATE ${TT_WARNINGS})
    target_link_libraries(${name} PRIVATE ${arg_USES})
    target_link_options(${name} PRIVATE -Wl,-Map=$<TARGET_FILE:${name}>.map) # for the list of what is in it
endfunction()

# tt_image(NAME SOURCES file... USES library...): a device's whole image, NAME.elf, or a process on Linux,
# with tt_main as its entry.
function(tt_image name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
    if(NOT TARGET tt_board)
        return() # this machine has no kernel
    endif()
    tt_program(${name} SOURCES ${arg_SOURCES} USES ${arg_USES} tt_kernel tt_board)
    target_compile_options(${name} PRIVATE ${TT_DEVICE_FLAGS})
    target_link_options(${name} PRIVATE -Wl,--build-id=sha1) # a crash's record names its image by it
    target_link_options(${name} PRIVATE ${TT_BOARD_LINK_FLAGS})
    if(TT_BOARD_LINKER_SCRIPT)
        set(script ${TT_BOARD_FOLDER}/${TT_BOARD_LINKER_SCRIPT})
        target_link_options(${name} PRIVATE -T ${script})
        set_target_properties(${name} PROPERTIES SUFFIX .elf LINK_DEPENDS ${script})
    endif()
endfunction()

# tt_product(NAME [SERVES_ONLY] SOURCES file...): a device's image from a table of what it is made of (tutti/product.h) and the start
# that all share; and NAME_VARIANT for each VARIANT that the board has of its memory. SERVES_ONLY: others find it and it looks
# for nobody (tt_node_init_announcer): a quarter of what bus and node take of a small device's flash.
function(tt_product name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERVES_ONLY" "" "SOURCES")
    if(NOT TARGET tt_platform_device)
        return()
    endif()
    set(common ${TT_ROOT}/products/common)
    set(images ${name})
    set(finds finds.c)
    if(arg_SERVES_ONLY)
        set(finds serves.c)
    endif()
    foreach(variant ${TT_BOARD_VARIANTS})
        list(APPEND images ${name}_${variant})
        list(APPEND flags_${name}_${variant} ${TT_BOARD_LINK_FLAGS_${variant}})
    endforeach()
    foreach(image ${images})
        tt_image(${image}
            SOURCES ${arg_SOURCES} ${common}/main.c ${common}/${finds} ${common}/keep.c ${common}/cache.c ${common}/measure.c ${common}/end.c
            USES tt_node tt_platform_device tt_stack tt_device_service tt_crash_service tt_log_service tt_model_service tt_store_service tt_version)
        target_link_options(${image} PRIVATE ${flags_${image}})
    endforeach()
endfunction()

if(NOT TARGET checked)
    add_custom_target(checked)
endif()

# Whether one of the libraries starts threads, or one that they use.
function(tt_starts_threads result)
    set(${result} FALSE PARENT_SCOPE)
    foreach(library ${ARGN})
        get_property(starts GLOBAL PROPERTY starts_threads_${library})
        if(library MATCHES "^(tt_run|Threads::Threads)$" OR starts)
            set(${result} TRUE PARENT_SCOPE)
        endif()
    endforeach()
endfunction()

# tt_test(NAME SOURCES file... USES library... [LABELS label...] [ARGUMENTS word...] [TIMEOUT seconds] [ONE_THREAD])
# A host program that is a test: exit status 0 passes, 77 skips (and prints "skipped: REASON").
# Without LABELS it is a `unit` test: quick, and run again under the sanitizers, of which that of threads sees only those
# that may start some: a library of theirs does, and they are not ONE_THREAD, which start none or do on threads what others
# do there sooner. Their builds make the target `checked`: what is run again.
function(tt_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "ONE_THREAD" "TIMEOUT" "SOURCES;USES;LABELS;ARGUMENTS")
    if(NOT TUTTI_TARGET STREQUAL "linux")
        return()
    endif()
    tt_program(${name} SOURCES ${arg_SOURCES} USES ${arg_USES})
    tt_starts_threads(threads ${arg_USES})
    if(TUTTI_SANITIZE MATCHES thread AND (NOT threads OR arg_ONE_THREAD))
        set(arg_LABELS one_thread)
    elseif(NOT arg_LABELS OR arg_LABELS STREQUAL unit)
        set(arg_LABELS unit)
        add_dependencies(checked ${name})
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_test(NAME ${name} COMMAND ${name} ${arg_ARGUMENTS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
        SKIP_RETURN_CODE 77)
endfunction()

# tt_script_test(NAME COMMAND word... [LABELS label...] [TIMEOUT seconds]): a script that is a test.
function(tt_script_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS")
    if(NOT TUTTI_TARGET STREQUAL "linux")
        return()
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS script)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
        SKIP_RETURN_CODE 77
        ENVIRONMENT "TUTTI_BUILD=${PROJECT_SOURCE_DIR}/build;TUTTI_LINUX=${PROJECT_BINARY_DIR}")
endfunction()

# tt_small(LIBRARY CPU...): a library that is to be small rather than quick on these CPUs, where what is built is to be quick.
# On the Cortex-M4 gcc 12's -Os still does five things that cost bytes: bus, node and codec of the watch, 33,227 with them, 32,733 without.
function(tt_small library)
    if(TUTTI_TARGET IN_LIST ARGN AND CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo AND CMAKE_C_FLAGS_RELWITHDEBINFO MATCHES -O2)
        target_compile_options(${library} PRIVATE -Os)
        if(TUTTI_TARGET STREQUAL "cortex-m4")
            target_compile_options(${library} PRIVATE -fno-move-loop-invariants -fno-inline-small-functions
                -fno-schedule-insns2 -fno-tree-tail-merge -mno-unaligned-access)
        endif()
    endif()
endfunction()

# Adds the rooms that have a CMakeLists.txt, in the order given.
function(tt_rooms)
    foreach(room ${ARGN})
        if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/CMakeLists.txt)
            add_subdirectory(${room})
        endif()
    endforeach()
endfunction()
