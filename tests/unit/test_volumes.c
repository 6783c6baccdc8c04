/* The volumes that are kept for channels: the newest counts, and there is an end to them. */
#include "session/volumes.h"
#include "unit.h"

static void the_newest_counts(void **state)
{
    struct volumes v = { 0 };
    assert_true(volumes_get(&v, 1) == 1);
    assert_int_equal(volumes_set(&v, 1, 7, 0.5), 0);
    assert_int_equal(volumes_set(&v, 2, 7, 0.25), 0);
    assert_int_equal(volumes_set(&v, 1, 8, 1.5), 0);
    assert_true(volumes_get(&v, 1) == 1.5);
    volumes_forget(&v, 7);
    assert_true(volumes_get(&v, 1) == 1.5);
    assert_true(volumes_get(&v, 2) == 1);
    volumes_done(&v);
}

static void the_one_set_longest_ago_is_forgotten(void **state)
{
    struct volumes v = { 0 };
    for (uint64_t channel = 1; channel <= VOLUMES_MAX; channel++)
        assert_int_equal(volumes_set(&v, channel, 7, 0.5), 0);
    assert_int_equal(volumes_set(&v, 1, 7, 0.25), 0);
    assert_int_equal(volumes_set(&v, VOLUMES_MAX + 1, 7, 0.75), 0);
    assert_true(volumes_get(&v, 1) == 0.25);
    assert_true(volumes_get(&v, 2) == 1);
    assert_true(volumes_get(&v, 3) == 0.5);
    assert_true(volumes_get(&v, VOLUMES_MAX + 1) == 0.75);
    volumes_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_counts),
        cmocka_unit_test(the_one_set_longest_ago_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
