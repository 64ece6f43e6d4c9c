// A plugin of QEMU's TCG that cuts the power: the emulator ends at a chosen instruction of the
// guest, with what it has put into files by then and nothing more.
//
//     -plugin cut.so,at=ADDRESS,entry=K,after=N    at the K-th arrival there, and N instructions on
//     -plugin cut.so,signal=1,after=N              N instructions after the signal SIGRTMIN + 5
//     -plugin cut.so,signal=1,at=ADDRESS,entry=K,after=N       at the K-th arrival after the signal
//
// from=ADDRESS, with any of these: counting begins at the first arrival there (after the signal).
// after=0 is that very instruction. The signal comes from whoever knows when. in=FIRST-END, more
// than once, names ranges of code; code=STATUS is the emulator's exit status (70). At the end a
// line on standard error says where it was: "cut: at ADDRESS, instruction N, in range R" (0: none).
//
// The prototypes are our own: Debian's packages have no qemu-plugin.h. Version 1 of the interface
// is QEMU 7.2's, 2 that of QEMU 9 and 10; what is used here is the same in both.

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void on_instruction(unsigned cpu, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, on_translation *callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            on_instruction *callback, int flags, void *data);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **words);

#define RANGES_MAX 8

__attribute__((visibility("default"))) int qemu_plugin_version = CUT_QEMU_PLUGIN_VERSION;

static volatile sig_atomic_t waits;  // for the signal
static uint64_t from;                // where counting begins, until it has; 0: at once
static uint64_t entries_left, place; // arrivals there until instructions are counted
static uint64_t left = UINT64_MAX;   // instructions from then on
static struct {
    uint64_t first, end;
} ranges[RANGES_MAX];
static unsigned range_count;
static unsigned long long after;
static int status = 70;

static void go_on(int number)
{
    (void)number;
    waits = 0;
}

static _Noreturn void cut(uint64_t address)
{
    unsigned range = 0;
    char line[128];
    for (unsigned i = 0; i < range_count && range == 0; i++)
        if (address >= ranges[i].first && address < ranges[i].end)
            range = i + 1;
    int length = snprintf(line, sizeof(line), "cut: at 0x%llx, instruction %llu, in range %u\n",
                          (unsigned long long)address, after, range);
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written; // nobody reads it then
    _exit(status); // nothing is flushed: the disk's queue ends here, too
}

// Before each instruction.
static void count(unsigned cpu, void *data)
{
    (void)cpu;
    uint64_t address = (uint64_t)(uintptr_t)data;
    if (waits || (from != 0 && address != from))
        return;
    from = 0;
    if (entries_left > 0 && (address != place || --entries_left > 0))
        return;
    if (left-- == 0)
        cut(address);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        void *address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(instruction);
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, count, 0, address);
    }
}

static bool read_word(const char *word)
{
    char *end = NULL;
    const char *value = strchr(word, '=');
    if (value == NULL)
        return false;
    uint64_t number = strtoull(value + 1, &end, 0);
    size_t name = (size_t)(value - word);
    if (name == 2 && memcmp(word, "in", 2) == 0 && *end == '-' && range_count < RANGES_MAX) {
        ranges[range_count].first = number;
        ranges[range_count++].end = strtoull(end + 1, &end, 0);
    } else if (name == 2 && memcmp(word, "at", 2) == 0) {
        place = number;
        entries_left = entries_left > 0 ? entries_left : 1;
    } else if (name == 4 && memcmp(word, "from", 4) == 0) {
        from = number;
    } else if (name == 5 && memcmp(word, "entry", 5) == 0) {
        entries_left = number;
    } else if (name == 5 && memcmp(word, "after", 5) == 0) {
        left = after = number;
    } else if (name == 6 && memcmp(word, "signal", 6) == 0) {
        waits = number != 0;
    } else if (name == 4 && memcmp(word, "code", 4) == 0) {
        status = (int)number;
    } else {
        return false;
    }
    return *end == '\0';
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int words_count, char **words)
{
    (void)info;
    bool understood = true;
    for (int i = 0; i < words_count; i++)
        if (!read_word(words[i])) {
            fprintf(stderr, "cut: '%s' is not understood\n", words[i]);
            understood = false;
        }
    if (!understood || left == UINT64_MAX)
        return 1;
    if (waits)
        signal(SIGRTMIN + 5, go_on);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
