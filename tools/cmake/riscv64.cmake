# RISC-V 64 with picolibc.
include(${CMAKE_CURRENT_LIST_DIR}/need.cmake)
tt_need(riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_ASM_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(TUTTI_TARGET riscv64)
set(TUTTI_FIRST_BOARD virt_riscv64) # where no TUTTI_BOARD is named
add_compile_options(-march=rv64imafdc_zicsr_zifencei -mabi=lp64d -mcmodel=medany --specs=picolibc.specs
    -ffunction-sections -fdata-sections -fno-common -fno-tree-loop-distribute-patterns)
add_link_options(-march=rv64imafdc_zicsr_zifencei -mabi=lp64d -mcmodel=medany --specs=picolibc.specs
    -nostartfiles -Wl,--gc-sections)
