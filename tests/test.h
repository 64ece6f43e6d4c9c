// What a host test is made of: expectations that print where and what, and an exit status.
//
//     int main(void)
//     {
//         EXPECT(condition);
//         EXPECT_EQUAL(actual, expected);         // integers
//         EXPECT_TEXT(actual, "expected");        // strings
//         return test_result();
//     }
//
// A failed expectation is counted and the test goes on; REQUIRE stops it.

#ifndef TUTTI_TEST_H
#define TUTTI_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SKIPPED                                                                               \
    77 // the exit status of a test that could not run; print "skipped: REASON" first

static int test_failures;
static int test_expectations;

static inline int test_result(void)
{
    printf("%d expectations, %d failed\n", test_expectations, test_failures);
    return test_failures > 0 ? 1 : 0;
}

static inline int test_failed(const char *file, int line)
{
    test_failures++;
    return printf("%s:%d: ", file, line);
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        test_expectations++;                                                                       \
        if (!(condition)) {                                                                        \
            test_failed(__FILE__, __LINE__);                                                       \
            printf("expected %s\n", #condition);                                                   \
        }                                                                                          \
    } while (0)

#define EXPECT_EQUAL(actual, expected)                                                             \
    do {                                                                                           \
        long long test_actual = (long long)(actual), test_expected = (long long)(expected);        \
        test_expectations++;                                                                       \
        if (test_actual != test_expected) {                                                        \
            test_failed(__FILE__, __LINE__);                                                       \
            printf("%s is %lld, expected %lld\n", #actual, test_actual, test_expected);            \
        }                                                                                          \
    } while (0)

#define EXPECT_TEXT(actual, expected)                                                              \
    do {                                                                                           \
        const char *test_actual = (actual), *test_expected = (expected);                           \
        test_expectations++;                                                                       \
        if (strcmp(test_actual, test_expected) != 0) {                                             \
            test_failed(__FILE__, __LINE__);                                                       \
            printf("%s is \"%s\", expected \"%s\"\n", #actual, test_actual, test_expected);        \
        }                                                                                          \
    } while (0)

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        test_expectations++;                                                                       \
        if (!(condition)) {                                                                        \
            test_failed(__FILE__, __LINE__);                                                       \
            printf("required %s\n", #condition);                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
