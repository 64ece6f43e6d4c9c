# Cortex-M4F with picolibc.
include(${CMAKE_CURRENT_LIST_DIR}/need.cmake)
tt_need(arm-none-eabi-gcc gcc-arm-none-eabi)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m4)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(TUTTI_TARGET cortex-m4)
set(TUTTI_FIRST_BOARD mps2_an386) # where no TUTTI_BOARD is named
add_compile_options(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 --specs=picolibc.specs
    -ffunction-sections -fdata-sections -fno-common -fno-tree-loop-distribute-patterns)
add_link_options(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 --specs=picolibc.specs
    -nostartfiles -Wl,--gc-sections)
