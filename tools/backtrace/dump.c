// Reading a dump and printing its calls.
//
// The lines `tutti dump: ...` may be anywhere among others. The stack is walked by the image's call
// frame information. Where the place of the fault is lost
// (an overflown stack takes no exception frame) it begins at the first word of the dump that is a
// return address.

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/backtrace/dump.h"
#include "tools/backtrace/image.h"
#include "tools/backtrace/unwind.h"

#define WORDS_MAX 1024
#define LINE_MAX_BYTES 512
#define IDENTITY_MAX 64 // bytes of an image's
#define NOTE_HEAD 16    // of the linker's note: sizes, type and the name "GNU"

typedef struct dump {
    uint64_t address[WORDS_MAX], word[WORDS_MAX];
    unsigned words;
    tt_frame frame;                   // the registers
    char image[2 * IDENTITY_MAX + 1]; // "": unknown
    bool any;
} dump;

typedef struct numbering { // names of registers in the order of DWARF's numbers; "" where none
    unsigned machine;
    const char *names, *tool;
} numbering;

static const numbering numberings[] = {
    {EM_ARM, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr ", "arm-none-eabi-addr2line"},
    {EM_RISCV,
     "x0 ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 "
     "t3 t4 t5 t6 ",
     "riscv64-unknown-elf-addr2line"},
    {EM_AARCH64,
     "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 "
     "x24 x25 x26 x27 x28 x29 x30 sp ",
     "aarch64-linux-gnu-addr2line"},
    {EM_X86_64, "rax rdx rcx rbx rsi rdi rbp sp r8 r9 r10 r11 r12 r13 r14 r15 ", "addr2line"},
};

static const numbering *numbering_of(const tt_image *image)
{
    for (unsigned i = 0; i < sizeof(numberings) / sizeof(*numberings); i++)
        if (numberings[i].machine == image->machine)
            return &numberings[i];
    return NULL; // tt_image_read lets no other machine through
}

static int register_number(const numbering *table, const char *name)
{
    size_t length = strlen(name);
    int number = 0;
    if (table->machine == EM_AARCH64 && strcmp(name, "lr") == 0)
        return 30;
    for (const char *at = table->names; *at != 0; number++) {
        size_t this_length = strcspn(at, " ");
        if (this_length == length && memcmp(at, name, length) == 0)
            return number;
        at += this_length + 1;
    }
    return -1;
}

static void read_stack_line(dump *d, const char *text, unsigned word_bytes)
{
    char *end;
    uint64_t address = strtoull(text, &end, 16);
    for (text = end; d->words < WORDS_MAX; text = end, address += word_bytes) {
        uint64_t word = strtoull(text, &end, 16);
        if (end == text)
            return;
        d->address[d->words] = address;
        d->word[d->words++] = word;
    }
}

// From outside: what could command a terminal is not let through. Devices write ASCII.
static void print_plain(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(*text >= ' ' && *text < 0x7f ? *text : '?');
    putchar('\n');
}

static void read_line(const tt_image *image, dump *d, const char *text)
{
    char name[16];
    uint64_t value;
    d->any = true;
    if (strncmp(text, "stack ", 6) == 0) {
        read_stack_line(d, text + 6, image->word_bytes);
    } else if (sscanf(text, "register %15s %" SCNx64, name, &value) == 2) {
        int number = register_number(numbering_of(image), name);
        if (strcmp(name, "pc") == 0)
            d->frame.pc = value;
        else if (number >= 0) {
            d->frame.value[number] = value;
            d->frame.known[number] = true;
        }
    } else if (strncmp(text, "image ", 6) == 0) {
        snprintf(d->image, sizeof(d->image), "%.*s", 2 * IDENTITY_MAX, text + 6);
    } else if (strncmp(text, "end", 3) != 0) {
        print_plain(text);
    }
}

static void read_dump(const tt_image *image, dump *d, const char *text, size_t length)
{
    static const char mark[] = "tutti dump: ";
    char line[LINE_MAX_BYTES];
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t bytes = end != NULL ? (size_t)(end - text) - at : length - at;
        size_t kept = bytes < sizeof(line) - 1 ? bytes : sizeof(line) - 1;
        memcpy(line, text + at, kept);
        line[kept] = '\0';
        line[strcspn(line, "\r")] = '\0';
        const char *found = strstr(line, mark);
        if (found != NULL)
            read_line(image, d, found + sizeof(mark) - 1);
        at += bytes + 1;
    }
}

// Says where the dump comes from another image than this one.
static void compare_images(const tt_image *image, const dump *d)
{
    char own[2 * IDENTITY_MAX + 1] = "";
    tt_image_section note = tt_image_find(image, ".note.gnu.build-id");
    size_t end = note.length > NOTE_HEAD ? NOTE_HEAD + (size_t)note.bytes[4] : 0;
    for (size_t i = NOTE_HEAD; i < end && i < note.length && i < NOTE_HEAD + IDENTITY_MAX; i++)
        snprintf(own + 2 * (i - NOTE_HEAD), 3, "%02x", note.bytes[i]);
    if (d->image[0] != '\0' && own[0] != '\0' && strcmp(d->image, own) != 0)
        printf("(this is another image than the one that ended: the calls may be wrong)\n");
}

static bool read_word(void *context, uint64_t address, uint64_t *word)
{
    const dump *d = context;
    for (unsigned i = 0; i < d->words; i++)
        if (d->address[i] == address) {
            *word = d->word[i];
            return true;
        }
    return false;
}

// Does a Thumb call end just before the address? BL, or BLX of a register (ARM DDI 0403, A7.7).
static bool after_thumb_call(const tt_image *image, uint64_t address)
{
    uint16_t before[2];
    if (!tt_image_peek(image, address - 4, before, sizeof(before)))
        return false;
    return ((before[0] & 0xf800) == 0xf000 && (before[1] & 0xd000) == 0xd000) ||
           (before[1] & 0xff87) == 0x4780;
}

// The fault's own place is lost: take up the trail at the first return address above it. A push
// keeps lr in its highest word, so the caller's frame begins behind it.
static bool find_trail(const tt_image *image, dump *d)
{
    unsigned stack = tt_unwind_stack_register(image);
    if (image->machine != EM_ARM)
        return false;
    for (unsigned i = 0; i < d->words; i++) {
        uint64_t target = d->word[i] & ~1ull;
        if (!(d->word[i] & 1) || !after_thumb_call(image, target) ||
            !tt_unwind_knows(image, target - 1))
            continue;
        memset(d->frame.known, 0, sizeof(d->frame.known));
        d->frame.pc = target;
        d->frame.value[stack] = d->address[i] + image->word_bytes;
        d->frame.known[stack] = true;
        return true;
    }
    return false;
}

// Runs the toolchain's addr2line on all addresses at once and prints one line a frame.
static void print_frames(const tt_image *image, const char *path, const uint64_t *pcs,
                         unsigned count, bool first_exact)
{
    char addresses[TT_DUMP_FRAMES_MAX][24], place[1024];
    char *arguments[TT_DUMP_FRAMES_MAX + 5] = {(char *)numbering_of(image)->tool, (char *)"-e",
                                               (char *)path};
    int ends[2];
    for (unsigned i = 0; i < count; i++) {
        snprintf(addresses[i], sizeof(addresses[i]), "0x%" PRIx64,
                 i == 0 && first_exact ? pcs[i] : pcs[i] - 1); // the call, not what follows it
        arguments[3 + i] = addresses[i];
    }
    FILE *places = NULL;
    pid_t child = -1;
    fflush(stdout);
    if (pipe(ends) == 0) {
        child = fork();
        if (child == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            execvp(arguments[0], arguments);
            _exit(127);
        }
        close(ends[1]);
        places = fdopen(ends[0], "r");
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t offset = 0;
        const char *function =
            tt_image_function(image, i == 0 && first_exact ? pcs[i] : pcs[i] - 1, &offset);
        if (places == NULL || fgets(place, sizeof(place), places) == NULL)
            strcpy(place, "(no line: addr2line of this machine's toolchain is not installed)\n");
        printf("#%-2u 0x%0*" PRIx64 " %s at %s", i, (int)(2 * image->word_bytes), pcs[i],
               function != NULL ? function : "?", place);
    }
    if (places != NULL)
        fclose(places);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void find_calls(const tt_image *image, dump *d, tt_dump_calls *calls)
{
    tt_frame frame = d->frame;
    calls->count = 0;
    calls->why = NULL;
    calls->exact = tt_unwind_knows(image, frame.pc);
    if (!calls->exact && find_trail(image, d)) {
        printf("(the place of the fault is not in the dump; its callers:)\n");
        frame = d->frame;
    }
    do {
        calls->pcs[calls->count++] = frame.pc;
    } while (
        calls->count < TT_DUMP_FRAMES_MAX &&
        tt_unwind(image, &frame, calls->exact && calls->count == 1, read_word, d, &calls->why));
}

bool tt_dump_read(const tt_image *image, const char *text, size_t length, tt_dump_calls *calls)
{
    static dump d;
    memset(&d, 0, sizeof(d));
    read_dump(image, &d, text, length);
    if (d.any) {
        compare_images(image, &d);
        find_calls(image, &d, calls);
    }
    return d.any;
}

bool tt_dump_print_calls(const char *text, size_t length, const char *image_path, const char **why,
                         bool *in_image)
{
    tt_image image;
    tt_dump_calls calls;
    *in_image = true;
    if (!tt_image_read(&image, image_path, why)) {
        free(image.file);
        return false;
    }
    *in_image = false;
    *why = "the input has no line that begins with `tutti dump: `";
    bool any = tt_dump_read(&image, text, length, &calls);
    if (any) {
        print_frames(&image, image_path, calls.pcs, calls.count, calls.exact);
        if (calls.count < TT_DUMP_FRAMES_MAX && calls.why != NULL)
            printf("(it ends here: %s)\n", calls.why);
    }
    free(image.file);
    return any;
}
