// The ELF reader: right answers on an image made here, and no harm from hostile ones.

#include <string.h>

#include "cli/elf.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/random.h"

#define IMAGE_BYTES 1024
#define ADDRESS 0x20001234u
#define SYMBOL_BYTES 77
#define TEXT_OFFSET 705 // of what the symbol stands for, in .text

// A little ELF file: null section, .text, .data, .bss, symbols, names.
static size_t make_image(uint8_t image[IMAGE_BYTES], bool wide)
{
    static const struct {
        uint32_t type, flags, offset, size, link;
    } sections[] = {{0, 0, 0, 0, 0},        {1, 2 | 4, 700, 100, 0}, {1, 2 | 1, 800, 20, 0},
                    {8, 2 | 1, 0, 5000, 0}, {2, 0, 600, 0, 5},       {3, 0, 560, 24, 0}};
    memset(image, 0, IMAGE_BYTES);
    tt_writer w;
    tt_writer_init(&w, image, IMAGE_BYTES);
    tt_write_bytes(&w, "\177ELF", 4);
    tt_write_u8(&w, wide ? 2 : 1);
    tt_write_u8(&w, 1);
    w.length = wide ? 40 : 32;
    if (wide)
        tt_write_le64(&w, 64);
    else
        tt_write_le32(&w, 64);
    w.length += 10;
    tt_write_le16(&w, wide ? 64 : 40);
    tt_write_le16(&w, 6);
    unsigned symbol_bytes = wide ? 24 : 16;
    for (size_t i = 0; i < 6; i++) {
        w.length = 64 + i * (wide ? 64 : 40);
        tt_write_le32(&w, 0);
        tt_write_le32(&w, sections[i].type);
        uint64_t words[] = {
            sections[i].flags, i == 1 ? ADDRESS - (TEXT_OFFSET - sections[i].offset) : 0,
            sections[i].offset, sections[i].type == 2 ? 2 * symbol_bytes : sections[i].size};
        for (size_t k = 0; k < 4; k++) {
            if (wide)
                tt_write_le64(&w, words[k]);
            else
                tt_write_le32(&w, (uint32_t)words[k]);
        }
        tt_write_le32(&w, sections[i].link);
        tt_write_le32(&w, 0);
        uint64_t last[] = {0, sections[i].type == 2 ? symbol_bytes : 0};
        for (size_t k = 0; k < 2; k++) {
            if (wide)
                tt_write_le64(&w, last[k]);
            else
                tt_write_le32(&w, (uint32_t)last[k]);
        }
    }
    memcpy(image + 560, "\0tt_provision\0other", 19);
    memcpy(image + TEXT_OFFSET, "wrist", 6);
    w.length = 600 + symbol_bytes; // the second symbol
    tt_write_le32(&w, 1);
    if (wide) {
        tt_write_le16(&w, 0);
        tt_write_le16(&w, 1); // of .text
        tt_write_le64(&w, ADDRESS);
        tt_write_le64(&w, SYMBOL_BYTES);
    } else {
        tt_write_le32(&w, ADDRESS);
        tt_write_le32(&w, SYMBOL_BYTES);
        tt_write_le16(&w, 0);
        tt_write_le16(&w, 1);
    }
    return IMAGE_BYTES;
}

static void test_answers(bool wide)
{
    uint8_t image[IMAGE_BYTES];
    size_t length = make_image(image, wide);
    uint64_t address = 0;
    EXPECT_EQUAL(tt_elf_find(image, length, "tt_provision", &address, NULL), TT_OK);
    EXPECT_EQUAL(address, ADDRESS);
    uint64_t size = 0;
    EXPECT_EQUAL(tt_elf_find_size(image, length, "tt_provision", &size, NULL), TT_OK);
    EXPECT_EQUAL(size, SYMBOL_BYTES);
    EXPECT_EQUAL(tt_elf_find_size(image, length, "tt_provision2", &size, NULL), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_elf_find(image, length, "tt_provisio", &address, NULL), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_elf_find(image, length, "tt_provision2", &address, NULL), TT_NOT_FOUND);
    tt_elf_sizes sizes;
    EXPECT_EQUAL(tt_elf_measure(image, length, &sizes, NULL), TT_OK);
    EXPECT_EQUAL(sizes.flash, 120);
    EXPECT_EQUAL(sizes.ram, 5020);
    // A name whose end lies outside of the section of names is none.
    image[wide ? 64 + 5 * 64 + 32 : 64 + 5 * 40 + 20] = sizeof("tt_provision");
    EXPECT_EQUAL(tt_elf_find(image, length, "tt_provision", &address, NULL), TT_NOT_FOUND);
}

static void test_text(bool wide)
{
    uint8_t image[IMAGE_BYTES];
    char text[8] = "";
    size_t length = make_image(image, wide), section = 64 + (wide ? 64 : 40);
    size_t index = 600 + (wide ? 24 + 6 : 16 + 14), size = section + (wide ? 32 : 20);
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 6, NULL), TT_OK);
    EXPECT(strcmp(text, "wrist") == 0);
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 5, NULL), TT_DAMAGED);
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_board", text, 6, NULL), TT_NOT_FOUND);
    image[size] = 10; // of the section, whose end is that of the text without its terminator
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
    image[size] = 4; // before it
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
    image[size] = 100;
    image[size + 2] = 1; // beyond the file
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
    image[size + 2] = 0;
    image[index] = 2; // .data, which lies elsewhere
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
    image[index] = 3; // .bss, of which the file holds nothing
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
    image[index] = 6; // no section, although what lies behind the table looks like one
    memcpy(image + 64 + 6 * (wide ? 64 : 40), image + section, wide ? 64 : 40);
    EXPECT_EQUAL(tt_elf_read_text(image, length, "tt_provision", text, 8, NULL), TT_DAMAGED);
}

static void test_hostile(bool wide)
{
    uint8_t image[IMAGE_BYTES], copy[IMAGE_BYTES];
    size_t length = make_image(image, wide);
    uint64_t address;
    tt_elf_sizes sizes;
    char sentence[128], text[16];
    tt_text why;

    // Cut anywhere: never found beyond the cut, always a sentence where refused.
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc(cut + 1); // so that a sanitizer sees a byte too far
        REQUIRE(exact != NULL);
        memcpy(exact, image, cut);
        tt_text_init(&why, sentence, sizeof(sentence));
        if (tt_elf_find(exact, cut, "tt_provision", &address, &why) != TT_OK)
            EXPECT(why.length > 0);
        tt_elf_read_text(exact, cut, "tt_provision", text, sizeof(text), NULL);
        tt_elf_measure(exact, cut, &sizes, NULL);
        free(exact);
    }
    // Any bytes changed: no crash, whatever the answer.
    tt_random random;
    tt_random_seed(&random, 7);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, image, length);
        for (int i = 0; i < 4; i++)
            copy[tt_random_below(&random, 700)] = (uint8_t)tt_random_u64(&random);
        tt_elf_find(copy, length, "tt_provision", &address, NULL);
        tt_elf_read_text(copy, length, "tt_provision", text, sizeof(text), NULL);
        tt_elf_measure(copy, length, &sizes, NULL);
    }
    EXPECT_EQUAL(tt_elf_find("hello", 5, "x", &address, NULL), TT_MALFORMED);
}

int main(void)
{
    test_answers(false);
    test_answers(true);
    test_text(false);
    test_text(true);
    test_hostile(false);
    test_hostile(true);
    return test_result();
}
