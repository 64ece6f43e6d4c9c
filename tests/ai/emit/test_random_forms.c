// Random forms give the same bits by the interpreter and printed to C, at every width by gcc and by
// clang. What is no number counts as equal to any other such: processors choose its bits.

#include <dlfcn.h>

#include "ai/run/blocks.h"
#include "tests/ai/emit/printed.h"
#include "tests/ai/emit/random_form.h"
#include "tests/test.h"

#define FORMS_A_FILE 50
#define AVX2 0x30u // of printed.h's ways

// Beside AVX2: two ways of each file in turn, which is enough to see all of them.
static const unsigned more_ways[] = {0x01 | 0x08, 0x02 | 0x04, 0x40 | 0x04, 0x80 | 0x02};

static void *buffers[RF_BUFFERS];
static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];

// In two parts, of whole turns of 16 lanes, or at once.
static void run_interpreted(const tt_form *form, bool parts)
{
    void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(form));
    REQUIRE(scratch != NULL);
    memset(scratch, 0x7e, tt_blocks_scratch(form)); // what is read before it is stored is seen
    if (form->split && parts) {
        const tt_form_axis *axis = &form->axis[0];
        int64_t middle = axis->first + (axis->end - axis->first) / 32 * 16;
        tt_blocks_run(form, buffers, middle, axis->end, scratch);
        tt_blocks_run(form, buffers, axis->first, middle, scratch);
    } else {
        tt_blocks_run(form, buffers, INT64_MIN, INT64_MAX, scratch);
    }
    free(scratch);
}

static bool same(const void *a, const void *b, unsigned buffer)
{
    size_t bytes = RF_COUNT * tt_element_bytes(random_form_element(buffer));
    if (memcmp(a, b, bytes) == 0)
        return true;
    const float *x = a, *y = b;
    bool equal = random_form_element(buffer) == TT_F32;
    for (unsigned i = 0; equal && i < RF_COUNT; i++)
        equal = memcmp(&x[i], &y[i], sizeof(*x)) == 0 || (x[i] != x[i] && y[i] != y[i]);
    return equal;
}

static bool all_same(void *const expected[RF_BUFFERS])
{
    bool equal = true;
    for (unsigned b = RF_ELEMENTS; b < RF_BUFFERS; b++)
        equal = same(expected[b], buffers[b], b) && equal;
    return equal;
}

static void say_form(const tt_form *form)
{
    static char text[20000];
    tt_form_print(form, text, sizeof(text));
    printf("%s", text);
}

static void test_way(const char *folder, const char *name, unsigned way, const tt_form *forms,
                     void *(*expected)[RF_BUFFERS], uint64_t seed)
{
    void *object = printed_runs(way) ? printed_open(folder, name, way) : NULL;
    if (object == NULL)
        return;
    for (unsigned i = 0; i < FORMS_A_FILE; i++) {
        char symbol[20];
        snprintf(symbol, sizeof(symbol), "f%u", i);
        printed_function *function = NULL;
        *(void **)&function = dlsym(object, symbol);
        REQUIRE(function != NULL);
        random_form_clear(buffers);
        memset(local, 0x81, sizeof(local));
        function(buffers, INT64_MIN, INT64_MAX, local);
        bool equal = all_same(expected[i]);
        EXPECT(equal);
        if (!equal && test_failures < 3) {
            printf("seed %llu, %s:\n", (unsigned long long)(seed + i), printed_way(way));
            say_form(&forms[i]);
        }
    }
    dlclose(object);
}

static void test_file(const char *folder, unsigned number, uint64_t seed, unsigned ways)
{
    static tt_form forms[FORMS_A_FILE];
    static void *expected[FORMS_A_FILE][RF_BUFFERS];
    char name[20], why[200];
    for (unsigned i = 0; i < FORMS_A_FILE; i++) {
        random_form(&forms[i], seed + i);
        if (!tt_form_sound(&forms[i], why, sizeof(why))) {
            printf("seed %llu: %s\n", (unsigned long long)(seed + i), why);
            EXPECT(false);
            say_form(&forms[i]);
            return;
        }
        random_form_clear(buffers);
        run_interpreted(&forms[i], false);
        for (unsigned b = RF_ELEMENTS; b < RF_BUFFERS; b++) {
            size_t bytes = RF_COUNT * tt_element_bytes(random_form_element(b));
            expected[i][b] = malloc(bytes);
            REQUIRE(expected[i][b] != NULL);
            memcpy(expected[i][b], buffers[b], bytes);
        }
        random_form_clear(buffers);
        run_interpreted(&forms[i], true);
        EXPECT(all_same(expected[i]));
    }
    snprintf(name, sizeof(name), "forms%u", number);
    if (folder != NULL) {
        EXPECT(printed_compile(folder, name, forms, FORMS_A_FILE, ways));
        for (unsigned way = 0; way < PRINTED_WAYS; way++)
            if ((ways >> way & 1) != 0)
                test_way(folder, name, way, forms, expected, seed);
    }
    for (unsigned i = 0; i < FORMS_A_FILE; i++) {
        tt_form_free(&forms[i]);
        for (unsigned b = RF_ELEMENTS; b < RF_BUFFERS; b++)
            free(expected[i][b]);
    }
}

// FILES [SEED]: of fifty forms each, up to four of them by some ways only. FILES 0: the interpreter
// alone, on as many as four files have.
int main(int argc, char **argv)
{
    unsigned files = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 4;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    const char *folder = files > 0 ? printed_folder() : NULL;
    REQUIRE(files == 0 || folder != NULL);
    REQUIRE(random_form_buffers(buffers, seed));
    for (unsigned i = 0; i < (files > 0 ? files : 4); i++)
        test_file(folder, i, seed + (uint64_t)i * FORMS_A_FILE,
                  files > 4 ? PRINTED_ALL : AVX2 | more_ways[i % 4]);
    random_form_free(buffers);
    return test_result();
}
