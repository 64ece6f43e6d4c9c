# For GDB, once it is connected: loads the image, starts it, and shows where it stands at its tt_main, or at
# tt_kernel_fault, whose arguments say why and at which address, where it does not come that far.
#     gdb-multiarch -ex 'target remote | qemu-system-arm -M netduinoplus2 -display none -monitor none -S -gdb stdio' -x debug.gdb FILE
#     gdb-multiarch -ex 'target extended-remote :3333' -x debug.gdb FILE                       the chip, by OpenOCD
load
set $sp = &tt_exception_stack
set $pc = &tt_reset
break tt_main
break tt_kernel_fault
continue
backtrace
