/* Tickets of the Unix front: each is taken back once. */
#include "server/tickets.h"
#include "unit.h"

static void each_is_taken_back_once(void **state)
{
    struct tickets t = { 0 };
    struct asker asker = { .connection = 5, .has_tag = true, .tag = "a tag" }, got;
    uint64_t first, second;
    assert_false(tickets_take(&t, 1, &got));
    assert_int_equal(tickets_give(&t, &asker, &first), 0);
    asker = (struct asker){ .connection = 6 };
    assert_int_equal(tickets_give(&t, &asker, &second), 0);
    assert_true(first != second);
    assert_true(tickets_take(&t, first, &got));
    assert_int_equal(got.connection, 5);
    assert_string_equal(got.tag, "a tag");
    assert_false(tickets_take(&t, first, &got));
    assert_true(tickets_take(&t, second, &got));
    assert_int_equal(got.connection, 6);
    assert_false(got.has_tag);
    uint64_t third;
    assert_int_equal(tickets_give(&t, &asker, &third), 0);
    assert_true(third != first && third != second); /* never used twice */
    tickets_done(&t);
    assert_false(tickets_take(&t, third, &got));
}

static void in_any_order(void **state)
{
    enum { N = 1000 };
    struct tickets t = { 0 };
    uint64_t numbers[N];
    for (uint64_t i = 0; i < N; i++) {
        struct asker asker = { .connection = i };
        assert_int_equal(tickets_give(&t, &asker, &numbers[i]), 0);
    }
    for (uint64_t i = 0; i < N; i++) {
        struct asker got;
        uint64_t k = i * 7 % N;
        assert_true(tickets_take(&t, numbers[k], &got));
        assert_int_equal(got.connection, k);
    }
    assert_null(t.by_number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_back_once),
        cmocka_unit_test(in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
