/* What the unit tests share: cmocka with its includes, tables, a directory to work in, and a loop
 * that runs until something is so. */
#ifndef TUTTI_TESTS_UNIT_H
#define TUTTI_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Says which row of a table failed. */
#define ROW_TRUE(label, condition) row_true((label), (condition), #condition, __FILE__, __LINE__)
static inline void row_true(const char *label, bool holds, const char *text, const char *file,
                            int line)
{
    if (!holds)
        print_error("row: %s\n", label ? label : "");
    _assert_true(holds, text, file, line);
}

/* A new directory below the system's one for temporary files. */
#define TEST_DIR_BYTES 64
static inline void test_dir_make(char dir[TEST_DIR_BYTES])
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, TEST_DIR_BYTES, "%s/tutti-unit-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
}

/* Numbers that are the same in every run. */
static inline uint32_t test_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

#endif
