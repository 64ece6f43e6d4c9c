// Counts the instructions of one inference on the watch:
//
//     bench_watch IMAGE.elf PLAN FOLDER [REFERENCE]
//
// Starts the same image that the fleet boots, told by tt_provision to measure (products/common/
// measure.c), with the plan and test images put into its memory, under an emulator whose clock
// advances by 32 ns an instruction. Prints the instructions of a middle image; all take nearly the
// same. With REFERENCE every output tensor must be equal to the reference's. FOLDER is for the
// files that the emulator loads.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/elf.h"
#include "cli/file.h"
#include "cli/say.h"
#include "tutti/bytes.h"
#include "tutti/provision.h"
#include "tutti/dataset.h"

#define IMAGES 9
#define IMAGE_FILE_MAX ((size_t)64 << 20)
#define SLOT_BYTES 65536 // products/watch: the second slot takes the images
#define OUTPUT_BYTES 10
#define NANOSECONDS_PER_INSTRUCTION 32 // -icount shift=5

typedef struct addresses {
    uint64_t provision, slots;
} addresses;

_Noreturn static void fail(const char *what, const char *more)
{
    tt_say_error("bench_watch: %s%s", what, more);
    exit(1);
}

static addresses find_addresses(const char *image)
{
    addresses found = {0};
    uint8_t *bytes;
    size_t length;
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_file_read("bench_watch", image, IMAGE_FILE_MAX, &bytes, &length) != TT_EXIT_OK)
        exit(1);
    if (tt_elf_find(bytes, length, "tt_provision", &found.provision, &why) != TT_OK ||
        tt_elf_find(bytes, length, "tt_product_slots", &found.slots, &why) != TT_OK)
        fail(image, sentence);
    free(bytes);
    return found;
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t length)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (tt_file_write("bench_watch", path, bytes, length) != TT_EXIT_OK)
        exit(1);
}

static void write_inputs(const char *folder, size_t plan_bytes)
{
    uint8_t block[sizeof(tt_provision_data)], seed[32] = {0};
    tt_writer writer;
    tt_writer_init(&writer, block, sizeof(block));
    tt_write_le32(&writer, TT_PROVISION_MAGIC);
    tt_write_le32(&writer, TT_PROVISION_VERSION);
    tt_write_le32(&writer, TT_PROVISION_MEASURE);
    tt_write_le32(&writer, IMAGES);
    tt_write_le32(&writer, (uint32_t)plan_bytes);
    tt_write_le32(&writer, 1); // boot
    tt_write_bytes(&writer, seed, sizeof(seed));
    tt_write_le32(&writer, tt_crc32(0, block, writer.length));
    write_file(folder, "provision", block, writer.length);

    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_dataset train, test;
    if (tt_fashion_mnist_load(&train, &test, NULL, &why) != TT_OK)
        fail(sentence, "");
    write_file(folder, "images", test.images, IMAGES * test.rows * test.columns);
    tt_dataset_free(&train);
    tt_dataset_free(&test);
}

// Compares "0a1b..." with the reference's bytes.
static void compare(const char *digits, const uint8_t *reference, unsigned image)
{
    for (unsigned i = 0; i < OUTPUT_BYTES; i++) {
        unsigned byte;
        char number[32];
        snprintf(number, sizeof(number), "%u", image);
        if (sscanf(digits + 2 * i, "%2x", &byte) != 1 || byte != reference[i])
            fail("an output tensor differs from the reference's: image ", number);
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words)
{
    if (count < 4 || count > 5) {
        fprintf(stderr, "usage: bench_watch IMAGE.elf PLAN FOLDER [REFERENCE]\n");
        return 2;
    }
    const char *image = words[1], *plan = words[2], *folder = words[3];
    uint8_t *bytes, *reference = NULL;
    size_t plan_bytes, reference_bytes = 0;
    if (tt_file_read("bench_watch", plan, SLOT_BYTES, &bytes, &plan_bytes) != TT_EXIT_OK)
        return 1;
    free(bytes);
    if (count == 5 && tt_file_read("bench_watch", words[4], IMAGE_FILE_MAX, &reference,
                                   &reference_bytes) != TT_EXIT_OK)
        return 1;
    if (reference != NULL && reference_bytes < IMAGES * OUTPUT_BYTES)
        fail(words[4], ": too few answers");
    addresses at = find_addresses(image);
    write_inputs(folder, plan_bytes);

    char command[4096], line[512], console_text[4096] = "";
    snprintf(command, sizeof(command),
             "timeout 120 qemu-system-arm -M mps2-an386 -icount shift=5,sleep=off -display none "
             "-monitor none -nic none -serial stdio -semihosting-config enable=on,target=native "
             "-device loader,file='%s/provision',addr=0x%" PRIx64 ",force-raw=on "
             "-device loader,file='%s',addr=0x%" PRIx64 ",force-raw=on "
             "-device loader,file='%s/images',addr=0x%" PRIx64 ",force-raw=on "
             "-kernel '%s' </dev/null 2>&1",
             folder, at.provision, plan, at.slots, folder, at.slots + SLOT_BYTES, image);
    FILE *console = popen(command, "r");
    if (console == NULL)
        fail("the emulator could not be started", "");
    uint64_t instructions[IMAGES];
    unsigned measured = 0;
    while (fgets(line, sizeof(line), console) != NULL) {
        unsigned number;
        uint64_t nanoseconds;
        char digits[256];
        if (sscanf(line, "measure: image %u nanoseconds %" SCNu64 " output %255s", &number,
                   &nanoseconds, digits) != 3 ||
            number != measured || measured == IMAGES) {
            strncat(console_text, line, sizeof(console_text) - strlen(console_text) - 1);
            continue;
        }
        if (reference != NULL)
            compare(digits, reference + number * OUTPUT_BYTES, number);
        instructions[measured++] = nanoseconds / NANOSECONDS_PER_INSTRUCTION;
    }
    int status = pclose(console);
    free(reference);
    if (status != 0 || measured != IMAGES)
        fail("the watch did not measure every image; its console:\n", console_text);
    qsort(instructions, IMAGES, sizeof(instructions[0]), by_size);
    printf("%" PRIu64 "\n", instructions[IMAGES / 2]);
    return 0;
}
