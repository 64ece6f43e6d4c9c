// What is no form is told, and where; the text of one that is.

#include "ai/lower/form.h"
#include "tests/test.h"

static tt_form form;
static char why[200];

// One loop of 20 with a load, a sum and a store; it is sound.
static void build(bool lanes)
{
    tt_form_axis axis = {.end = 20, .lanes = lanes};
    tt_form_access access = {.buffer = 0, .element = TT_F32};
    tt_form_begin(&form);
    form.split = true;
    tt_affine_add(&access.place, tt_form_loop(&form, &axis), 1);                  // 0
    tt_register x = tt_form_load(&form, &access, TT_NO_REGISTER, TT_NO_REGISTER); // 1
    tt_register one = tt_form_number(&form, 1);                                   // 2
    access.buffer = 1;
    tt_form_store(&form, &access, tt_form_2(&form, TT_FORM_ADD, x, one)); // 3, 4
    tt_form_end(&form);                                                   // 5
}

static void expect_wrong(const char *sentence)
{
    EXPECT(!tt_form_sound(&form, why, sizeof(why)));
    EXPECT_TEXT(why, sentence);
    tt_form_free(&form);
    build(true);
}

int main(void)
{
    build(true);
    EXPECT(tt_form_sound(&form, why, sizeof(why)));
    char text[400];
    int length = tt_form_print(&form, text, sizeof(text));
    EXPECT_TEXT(text, "loop i0 from 0 to 20, lanes, split\n"
                      "  r1 lanes = load f32 of b0 at 0 + 1 i0\n"
                      "  r2 = number 1\n"
                      "  r3 lanes = add r1 r2\n"
                      "  store f32 of b1 at 0 + 1 i0: r3\n"
                      "end\n");
    EXPECT_EQUAL(length, strlen(text));
    EXPECT_EQUAL(tt_form_print(&form, text, 10), length);
    EXPECT_TEXT(text, "loop i0 f");
    form.code[3].b = 3;
    expect_wrong("instruction 3: 3 is no register made before");
    form.code[3].op = TT_FORM_ADD_INTEGER;
    expect_wrong("instruction 3: register 1 is of the other kind");
    form.code[3].uniform = true;
    expect_wrong("instruction 3: it is not said truly whether lanes differ");
    form.code[1].a = 9;
    expect_wrong("instruction 1: there is no access 9");
    form.access[0].element = TT_F64;
    expect_wrong("instruction 1: an element of type 0 is not loaded so");
    form.access[1].place.term[0].axis = 4;
    expect_wrong("instruction 4: axis 4 is of no loop that is open");
    form.length--;
    expect_wrong("instruction 5: the loop of instruction 0 is not closed");
    tt_form_end(&form);
    expect_wrong("instruction 5: something stands behind the loop that is split");
    tt_form_set(&form, 1, 2);
    form.split = false;
    expect_wrong("instruction 6: register 1 was made in a loop that is closed");
    form.code[2].op = TT_FORM_LOOP;
    expect_wrong("instruction 2: operation 0 does not make a 1");
    form.access[1].buffer = TT_FORM_LOCAL;
    form.local_bytes = 64;
    expect_wrong("instruction 4: 0 to 19 are not in 64 bytes of local memory");
    form.local_bytes = 100;
    expect_wrong("instruction 0: 100 bytes of local memory are too many, or no multiple of 64");
    form.local_bytes = TT_FORM_LOCAL_MAX + 64;
    expect_wrong("instruction 0: 262208 bytes of local memory are too many, or no multiple of 64");
    form.access[1].buffer = TT_FORM_LOCAL;
    form.access[1].place.term[0].stride = -1;
    form.access[1].place.offset = 12;
    form.local_bytes = 128;
    expect_wrong("instruction 4: -7 to 12 are not in 128 bytes of local memory");
    form.access[1].buffer = TT_FORM_LOCAL;
    form.local_bytes = 128;
    EXPECT(tt_form_sound(&form, why, sizeof(why)));
    tt_form_print(&form, text, sizeof(text));
    EXPECT_TEXT(text, "local 128 bytes\n"
                      "loop i0 from 0 to 20, lanes, split\n"
                      "  r1 lanes = load f32 of b0 at 0 + 1 i0\n"
                      "  r2 = number 1\n"
                      "  r3 lanes = add r1 r2\n"
                      "  store f32 of local at 0 + 1 i0: r3\n"
                      "end\n");
    tt_form_free(&form);
    build(true);
    form.full = true;
    expect_wrong("instruction 0: there was no memory to build it");
    tt_form_free(&form);
    return test_result();
}
