/* Owners: ids, absences, and who is told of what. The sessions are this test's own. */
#include "loop.h"
#include "owner/owner.h"
#include "session/sessions.h"

enum { GRACE_MS = 30, KEPT_MAX = 3, SPEAKERS = 2 };

struct speaker {
    struct ear ear;
    unsigned n_heard, n_answers;
};

static struct {
    uv_loop_t loop;
    struct front front;
    struct owners *owners;
    struct speaker speakers[SPEAKERS];
    bool ended;
    bool have_plays;
    char log[64]; /* o: the sessions are told that an owner is gone; g: so is its front */
    uint64_t gone;
} f;

bool sessions_have_plays_of(const struct sessions *ss, uint64_t owner)
{
    return f.have_plays;
}

void sessions_owner_gone(struct sessions *ss, uint64_t owner)
{
    f.gone = owner;
    (void)strcat(f.log, "o");
}

static char *on_format(const struct event *e, size_t *ret_len)
{
    *ret_len = 4;
    return strdup("line");
}

static struct ear *on_answer(struct front *front, const struct ticket *ticket,
                             const struct event *e)
{
    struct speaker *s = ticket->number < SPEAKERS ? &f.speakers[ticket->number] : NULL;
    if (s)
        s->n_answers++;
    return s ? &s->ear : NULL;
}

static void on_event(struct ear *ear, const char *bytes, size_t len)
{
    ((struct speaker *)ear)->n_heard++; /* its first member */
}

static void on_gone(struct owner *o)
{
    assert_ptr_equal(owner_data(o), &f);
    (void)strcat(f.log, "g");
}

static int set_up(void **state)
{
    static const struct front_ops ops = {
        .format = on_format, .answer = on_answer, .event = on_event, .gone = on_gone
    };
    memset(&f, 0, sizeof f);
    f.front.ops = &ops;
    for (size_t i = 0; i < SPEAKERS; i++)
        f.speakers[i].ear.front = &f.front;
    assert_int_equal(uv_loop_init(&f.loop), 0);
    struct owners_config config = { .loop = &f.loop, .grace_ms = GRACE_MS, .kept_max = KEPT_MAX };
    f.owners = owners_new(&config);
    assert_non_null(f.owners);
    return 0;
}

static int tear_down(void **state)
{
    if (!f.ended)
        owners_done(f.owners);
    loop_end(&f.loop);
    owners_free(f.owners);
    return 0;
}

static struct owner *add(size_t speaker)
{
    struct owner *o = owner_new(f.owners, &f.speakers[speaker].ear, &f);
    assert_non_null(o);
    return o;
}

/* First its plays end, then its front lets go of it. */
static bool is_gone(void *arg)
{
    return strcmp(f.log, "og") == 0;
}

static void ids_and_numbers(void **state)
{
    struct owner *a = add(0), *b = add(1);
    assert_true(owner_number(a) != 0 && owner_number(a) != owner_number(b));
    assert_int_equal(strlen(owner_id(a)), OWNER_ID_BYTES);
    assert_int_equal(strspn(owner_id(a), "0123456789abcdef"), OWNER_ID_BYTES);
    assert_string_not_equal(owner_id(a), owner_id(b));
    assert_ptr_equal(owners_find(f.owners, owner_id(a)), a);
    assert_ptr_equal(owners_find_number(f.owners, owner_number(b)), b);
    assert_ptr_equal(owner_ear(b), &f.speakers[1].ear);
}

/* Ids come from outside. */
static void ids_that_nobody_has(void **state)
{
    static const char *const ids[] = {
        "",
        "0",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0",
        "................................................................................",
    };
    char upper[OWNER_ID_BYTES + 1], longer[OWNER_ID_BYTES + 2];
    const struct owner *o = add(0);
    for (size_t i = 0; i < LENGTH_OF(ids); i++)
        assert_null(owners_find(f.owners, ids[i]));
    (void)snprintf(upper, sizeof upper, "%.31s!", owner_id(o));
    assert_null(owners_find(f.owners, upper));
    (void)snprintf(longer, sizeof longer, "%sa", owner_id(o));
    assert_null(owners_find(f.owners, longer));
    assert_null(owners_find_number(f.owners, 0));
    assert_null(owners_find_number(f.owners, UINT64_MAX));
}

static void back_within_the_grace(void **state)
{
    struct owner *o = add(0);
    owner_leave(o, false);
    assert_null(owner_ear(o));
    assert_ptr_equal(owners_find(f.owners, owner_id(o)), o);
    owner_return(o, &f.speakers[1].ear);
    assert_ptr_equal(owner_ear(o), &f.speakers[1].ear);
    struct owner *other = add(0);
    owner_leave(other, false); /* whose grace ends later than that of the first would have */
    uint64_t gone = owner_number(other);
    assert_true(loop_until(&f.loop, is_gone, NULL));
    assert_int_equal(f.gone, gone);
}

/* Then nobody knows it. */
static void gone_for_good(void **state)
{
    struct owner *o = add(0);
    uint64_t number = owner_number(o);
    char id[OWNER_ID_BYTES + 1];
    (void)snprintf(id, sizeof id, "%s", owner_id(o));
    f.have_plays = true;
    owner_leave(o, false);
    assert_true(loop_until(&f.loop, is_gone, NULL));
    assert_int_equal(f.gone, number);
    assert_null(owners_find(f.owners, id));
    assert_null(owners_find_number(f.owners, number));
    assert_true(owner_number(add(0)) > number); /* never used twice */
}

/* Has a new one leave, and waits for its end. */
static uint64_t ms_until_gone(bool has_more)
{
    struct owner *o = add(0);
    uv_update_time(&f.loop);
    uint64_t before_ms = uv_hrtime() / 1000000;
    f.log[0] = '\0';
    owner_leave(o, has_more);
    assert_true(loop_until(&f.loop, is_gone, NULL));
    return uv_hrtime() / 1000000 - before_ms;
}

/* When there are many already, one that has nothing to come back to is forgotten at once. */
static void too_many_to_be_kept(void **state)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        (void)add(0);
    assert_true(ms_until_gone(true) >= GRACE_MS - 1);
    f.have_plays = true;
    assert_true(ms_until_gone(false) >= GRACE_MS - 1);
    f.have_plays = false;
    struct owner *o = add(0);
    f.log[0] = '\0';
    owner_leave(o, false);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_string_equal(f.log, "og");
}

static void who_is_told(void **state)
{
    struct event e = { .type = EVENT_TITLE, .play_id = "p" };
    struct owner *o = add(0);
    struct ticket ticket = { .front = &f.front, .number = 1 };
    owners_say(&e, &ticket, 0, f.owners); /* concerns the asker only */
    assert_int_equal(f.speakers[1].n_answers, 1);
    owners_say(&e, &ticket, owner_number(o), f.owners);
    assert_int_equal(f.speakers[1].n_answers, 2);
    assert_int_equal(f.speakers[0].n_heard, 1);
    news_subscribe(owners_news(f.owners), &f.speakers[1].ear);
    owners_say(&e, NULL, owner_number(o), f.owners);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT); /* subscribers hear of it from the loop */
    assert_int_equal(f.speakers[0].n_heard, 2);
    assert_int_equal(f.speakers[1].n_heard, 1);
    owner_leave(o, true);
    owners_say(&e, NULL, owner_number(o), f.owners); /* away: the others hear it */
    owners_say(&e, NULL, UINT64_MAX, f.owners);      /* gone, as above */
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.speakers[0].n_heard, 2);
    assert_int_equal(f.speakers[1].n_heard, 3);
    ticket.number = SPEAKERS; /* its asker is gone */
    owners_say(&e, &ticket, 0, f.owners);
    assert_int_equal(f.speakers[1].n_answers, 2);
    news_unsubscribe(owners_news(f.owners), &f.speakers[1].ear);
}

static void the_end(void **state)
{
    (void)add(0);
    owner_leave(add(1), true);
    owners_done(f.owners);
    f.ended = true;
    assert_string_equal(f.log, "gg"); /* the sessions have ended already */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_and_numbers), TEST(ids_that_nobody_has), TEST(back_within_the_grace),
        TEST(gone_for_good),   TEST(too_many_to_be_kept), TEST(who_is_told),
        TEST(the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
