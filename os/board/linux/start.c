// A Linux process as a board: its console is the standard output, it stops by exiting.
//
// A reset is the same program in the same process again: it executes itself with its words, so its
// switch, its number and whoever started it stay. What a reset keeps lies in a file without a name
// (memfd) meanwhile, whose descriptor is one word more, the last.

#define _GNU_SOURCE

#include <elf.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/arch/arch.h"
#include "tutti/board.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16
#define WORDS_MAX 16
#define KEPT_WORD "kept="

tt_interrupt_slot tt_board_interrupts[TT_LINUX_LINES];
const unsigned tt_board_interrupt_lines = TT_LINUX_LINES;
const unsigned tt_board_timer_line = 0; // so that no line is SIGALRM's

int tt_linux_argument_count;
char **tt_linux_arguments;
tt_provision_data tt_provision; // filled by tt_main from its arguments

// Never waits for whoever reads, others being held off meanwhile: a pipe that can be written at all
// takes more than the console's piece (PIPE_BUF). Where nobody reads any more it goes nowhere.
size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) <= 0)
        return 0;
    ssize_t written = write(STDOUT_FILENO, bytes, length);
    return written > 0 ? (size_t)written : length;
}

void tt_board_stop(int code)
{
    _exit(code);
}

// In a signal's handler, perhaps: only calls that are allowed there, and no stdio.
void tt_board_reset(void)
{
    static char kept_word[32];
    sigset_t all; // one that comes before the next life has its handlers would end it
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    char *words[WORDS_MAX + 3] = {tt_linux_arguments[-1]};
    int count = 0;
    for (; count < tt_linux_argument_count && count < WORDS_MAX; count++)
        words[1 + count] = tt_linux_arguments[count];
    int kept = memfd_create("tutti-kept", 0);
    if (kept >= 0 &&
        write(kept, &tt_kept_memory, sizeof(tt_kept_memory)) == (ssize_t)sizeof(tt_kept_memory)) {
        tt_text word;
        tt_text_init(&word, kept_word, sizeof(kept_word));
        tt_text_add(&word, KEPT_WORD);
        tt_text_add_unsigned(&word, (unsigned)kept);
        words[1 + count] = kept_word;
    }
    execv("/proc/self/exe", words);
    _exit(127);
}

void tt_linux_recall(void)
{
    const char *word =
        tt_linux_argument_count > 0 ? tt_linux_arguments[tt_linux_argument_count - 1] : "";
    if (strncmp(word, KEPT_WORD, strlen(KEPT_WORD)) != 0)
        return;
    tt_linux_argument_count--;
    int kept = atoi(word + strlen(KEPT_WORD));
    if (pread(kept, &tt_kept_memory, sizeof(tt_kept_memory), 0) != (ssize_t)sizeof(tt_kept_memory))
        memset(&tt_kept_memory, 0, sizeof(tt_kept_memory));
    close(kept);
}

// The note of the linker, found by the program's own headers.
const uint8_t *tt_board_image(size_t *length)
{
    extern const uint8_t __ehdr_start[];
    const uint8_t *file = __ehdr_start;
    const ElfW(Ehdr) *head = (const void *)file;
    const ElfW(Phdr) *parts = (const void *)(file + head->e_phoff);
    *length = 0;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        if (parts[i].p_type != PT_NOTE)
            continue;
        const uint8_t *at = (const uint8_t *)parts[i].p_vaddr; // images are linked at their place
        const uint8_t *end = at + parts[i].p_memsz;
        while ((size_t)(end - at) > sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)at;
            const uint8_t *name = at + sizeof(*note), *text = name + (note->n_namesz + 3) / 4 * 4;
            if (note->n_type == NT_GNU_BUILD_ID) {
                *length = note->n_descsz;
                return text;
            }
            at = text + (note->n_descsz + 3) / 4 * 4;
        }
    }
    return file;
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
    signal(SIGPIPE, SIG_IGN); // the console's reader may go; the device stays
    tt_linux_recall();
    tt_linux_provision();
    tt_linux_cpu_init();
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}
