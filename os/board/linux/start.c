// A Linux process as a board: its console is the standard output, it stops by exiting.

#include <unistd.h>

#include "os/arch/arch.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16

tt_interrupt_slot tt_board_interrupts[TT_LINUX_LINES];
const unsigned tt_board_interrupt_lines = TT_LINUX_LINES;

int tt_linux_argument_count;
char **tt_linux_arguments;
tt_provision_data tt_provision; // filled by tt_main from its arguments

void tt_console_write(const void *bytes, size_t length)
{
    const char *data = bytes;
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, data, length);
        if (written <= 0)
            return; // nobody listens
        data += written;
        length -= (size_t)written;
    }
}

void tt_board_stop(int code)
{
    _exit(code);
}

static void first_thread(void *argument)
{
    (void)argument;
    tt_main();
}

int main(int count, char **arguments)
{
    tt_linux_argument_count = count - 1;
    tt_linux_arguments = arguments + 1;
    tt_linux_provision();
    tt_linux_cpu_init();
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}
