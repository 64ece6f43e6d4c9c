# AArch64 bare metal: Debian's compiler for Linux, told not to, with picolibc.
include(${CMAKE_CURRENT_LIST_DIR}/need.cmake)
tt_need(aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(TUTTI_TARGET aarch64)
set(TUTTI_FIRST_BOARD virt_aarch64) # where no TUTTI_BOARD is named
set(picolibc_specs --specs=/usr/lib/picolibc/aarch64-linux-gnu/picolibc.specs)
add_compile_options(${picolibc_specs} -fno-stack-protector -fno-pie -mno-outline-atomics -mstrict-align
    -fno-asynchronous-unwind-tables -fno-unwind-tables # frames are described in .debug_frame
    -ffunction-sections -fdata-sections -fno-common -fno-tree-loop-distribute-patterns)
add_link_options(${picolibc_specs} -nostartfiles -no-pie -Wl,--gc-sections
    -Wl,--no-warn-rwx-segments) # rights come from the page tables, not from the file
